import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { detectXss } from './index.ts';

const attacks: readonly string[] = [
  // Content.
  '<script>alert(1)</script>',
  '<ScRiPt src=//a.example>',
  '<script/x>',
  '<scr\0ipt>alert(1)</script>',
  '<<script>alert(1)//<</script>',
  '<x:script xmlns:x="http://www.w3.org/1999/xhtml" src="data:,alert(1)" />',
  '<img src=x onerror=alert(1)>',
  '<img/src=x onerror=alert(1)',
  '<img src="x"onerror="alert(1)">',
  '<img src=x onerror \n = alert(1)>',
  '<b onbeforehellfreezes=alert(1)>',
  '<svg onload=alert(1)>',
  '<svg:svg>',
  '<math><a xlink:href="//a.example">x',
  '<iframe src=//a.example>',
  '<a href="javascript:alert(1)">',
  '<a href=" \x01java\nscript:alert(1)">',
  '<a href="&#x6A;ava&#115;cript&colon;alert(1)">',
  '<a href="jav&Tab;ascript:alert(1)">',
  '<a href=vbscript:msgbox(1)>',
  '<a href="data:text/html,<script>alert(1)</script>">',
  '<form action="javascript:alert(1)">',
  '<button formaction=javascript:alert(1)>',
  '<meta http-equiv=refresh content="0;url=javascript:alert(1)">',
  '<base href="//a.example/">',
  '<object data="//a.example/x">',
  '<div style="width:expression(alert(1))">',
  '<div style="background:url(javascript:alert(1))">',
  '<style>@import "//a.example"</style>',
  '<animate attributeName=href to=javascript:alert(1)>',
  '<!--[if gte IE 4]><script>alert(1)</script><![endif]-->',
  '<!--`<img src=x onerror=alert(1)>',
  '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>',
  '<?import namespace="t" implementation="#default#time2">',
  '<img title="`><img src=x onerror=alert(1)>',
  '<iframe srcdoc="&lt;script&gt;alert(1)&lt;/script&gt;">',
  // Out of an attribute.
  '" onmouseover="alert(1)',
  "' onfocus='alert(1)' autofocus='",
  '` onfocus=`alert(1)',
  'x onclick=alert(1)',
  '"/onload=alert(1)>',
  '" style="x:expression(alert(1))',
  '" formaction="javascript:alert(1)',
  '"><script>alert(1)</script>',
];

/** What clients of APIs send, markup of rich text too. None of it runs script. */
const benign: readonly string[] = [
  'a < b',
  'a <b and c> d',
  '1<2 and 3>2',
  'x <- y',
  '<3',
  'I <3 you',
  '<',
  '<>',
  '< script >',
  '<= 5',
  'List<Object> and Map<String, List<Integer>>',
  'std::vector<int> v;',
  'Promise<void>',
  'John Doe <john.doe@example.com>',
  '<https://example.com/?a=1&b=2>',
  '<b>bold</b> and <i>italic</i><br/>',
  '<p>Hello, <strong>world</strong></p>',
  '<p style="color: red; margin: 0 auto">x</p>',
  '<span style="color:rgb(255, 0, 0)">x</span>',
  '<a href="https://example.com/a?b=c#d" title="x" target="_blank" rel="noopener">x</a>',
  '<a href="/search?q=javascript:+the+good+parts">x</a>',
  '<a href="mailto:a@example.com">a</a>',
  '<img src="/x.png" alt="A picture" width="10">',
  '<img src="data:image/png;base64,iVBORw0KGgo=">',
  '<ul><li>one</li><li>two</li></ul>',
  '<table class="x"><tr><td>1</td></tr></table>',
  '<!-- a comment -->',
  'javascript: the good parts',
  'data: 1, 2, 3',
  'online=true&once=1',
  'mode=on on=1 once=2 only=3',
  'https://example.com/?onload=callback&src=x',
  'a = b; c = "d"',
  '"a"="b"',
  '{"onload":"x","src":"y"}',
  'name="value" other=\'x\'',
  'say "hello" to=me',
  '?a=1&b=2',
  'if (a < b && c > d) { x = "y"; }',
  '# Title\n\n> quote <user@example.com> with `code`',
  'onboarding = done',
  'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
];

describe('detectXss', () => {
  for (const value of attacks)
    test(`finds ${JSON.stringify(value)}`, () => assert.equal(detectXss(value), true));

  test('lets go what runs no script', () => {
    assert.deepEqual(
      benign.filter((value) => detectXss(value)),
      [],
    );
  });
});
