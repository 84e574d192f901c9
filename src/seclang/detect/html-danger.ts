// Which elements, attributes and URLs make markup run script. Called for tags only, so plain strings and sets do.

/** Elements that run script, load documents or style, or carry foreign content, whatever their attributes. */
const activeElements = new Set(
  (
    'script iframe frameset embed applet meta svg math style isindex ilayer bgsound vmlframe xml xss handler listener' +
    ' animate animatetransform animatemotion foreignobject template event-source portal noembed noscript plaintext xmp' +
    ' fencedframe'
  ).split(' '),
);

/** Elements that do so by an attribute; without one they are as well a type parameter, `List<Object>`. */
const activeWithAttributes = new Set('object base link import frame layer set marquee'.split(' '));

/** Events of DOM, of documents and of the old browsers, without `on`. */
const events = new Set(
  (
    'abort activate afterprint afterscriptexecute afterupdate animationcancel animationend animationiteration animationstart' +
    ' auxclick beforeactivate beforecopy beforecut beforedeactivate beforeeditfocus beforeinput beforematch beforepaste' +
    ' beforeprint beforescriptexecute beforetoggle beforeunload beforeupdate begin blur bounce cancel canplay canplaythrough' +
    ' cellchange change click close contentvisibilityautostatechange contextmenu controlselect copy cuechange cut' +
    ' dataavailable datasetchanged datasetcomplete dblclick deactivate drag dragdrop dragend dragenter dragexit dragleave' +
    ' dragover dragstart drop durationchange emptied end ended error errorupdate filterchange finish focus focusin focusout' +
    ' formchange formdata forminput fullscreenchange fullscreenerror gotpointercapture hashchange help input invalid keydown' +
    ' keypress keyup languagechange layoutcomplete load loadeddata loadedmetadata loadend loadstart location' +
    ' losecapture lostpointercapture message messageerror mousedown mouseenter mouseleave mousemove mouseout mouseover' +
    ' mouseup mousewheel move moveend movestart mozfullscreenchange offline online outofsync pagehide pageshow paste pause' +
    ' play playing pointercancel pointerdown pointerenter pointerleave pointermove pointerout pointerover pointerrawupdate' +
    ' pointerup popstate progress propertychange ratechange readystatechange rejectionhandled repeat reset resize' +
    ' resizeend resizestart resume reverse rowdelete rowenter rowexit rowinserted rowsdelete rowsenter rowsinserted scroll' +
    ' scrollend search securitypolicyviolation seek seeked seeking select selectionchange selectstart show slotchange' +
    ' stalled start stop storage submit suspend syncrestored timeerror timeupdate toggle touchcancel touchend touchmove' +
    ' touchstart trackchange transitioncancel transitionend transitionrun transitionstart unhandledrejection unload' +
    ' urlflip volumechange waiting webkitanimationend webkitanimationstart webkitfullscreenchange webkittransitionend' +
    ' wheel zoom'
  ).split(' '),
);

/** Attributes that take a URL to load, to go to or to send to. */
const urlAttributes = new Set(
  (
    'action archive background by cite classid code codebase content data dynsrc folder formaction from handler href icon' +
    ' longdesc lowsrc manifest ping poster profile src srcset to usemap values'
  ).split(' '),
);

/** Namespaces whose elements run script, link or listen; other vocabularies of XML are data. */
const activeNamespaces = /xhtml|svg|mathml|xlink|vml|wml|xml-events|com:time|[<>`]/i;

/** Attributes that bring script, documents or data bindings by themselves. */
const activeAttributes = new Set(
  'srcdoc datasrc datafld dataformatas xlink:href attributename http-equiv'.split(' '),
);

export function isActiveElement(name: string, hasMore: boolean): boolean {
  const colon = name.indexOf(':');
  const prefix = colon < 0 ? '' : name.slice(0, colon);
  const local = colon < 0 ? name : name.slice(colon + 1);
  if (activeElements.has(local) || prefix === 'svg' || prefix === 'xsl') return true;
  return hasMore && activeWithAttributes.has(local);
}

/** Whether the attribute is an event handler. In a tag any `on…` counts: browsers invent events. */
function isEventHandler(name: string, isTag: boolean): boolean {
  if (name.length < 5 || !name.startsWith('on')) return false;
  const event = name.slice(2);
  return events.has(event) || (isTag && /^[a-z]{3,}$/.test(event));
}

/** A call, an assignment, or what may hide one. Other code does nothing when it runs. */
const doesSomething = /[\w$\])]\s*[(`]|[=&\\`]/;

/** `isTag`: the attribute stands in a tag of the value, and does not merely follow a quote that the value closes. */
export function isActiveAttribute(name: string, value: string, isTag: boolean): boolean {
  const isPrefixed = name.startsWith('xmlns:') || name === 'xmlns';
  if (isPrefixed) return isTag && activeNamespaces.test(value);
  if (activeAttributes.has(name)) return isTag || value !== '';
  const colon = name.lastIndexOf(':');
  const local = colon < 0 ? name : name.slice(colon + 1);
  if (isEventHandler(local, isTag)) return isTag || doesSomething.test(value);
  if (local === 'style') return isActiveStyle(value, isTag);
  // Netscape's script macros.
  if (isTag && value.startsWith('&{')) return true;
  const takesUrl = urlAttributes.has(local);
  return (isTag || takesUrl) && isActiveUrl(value, takesUrl);
}

/** Bytes of a URL that are looked at after decoding; schemes are shorter. */
const SCHEME_BYTES = 64;

const scriptSchemes =
  /^(?:[a-z]+:)?(?:x-)?(?:javascript|vbscript|livescript|jscript|mocha|wscript|vbs|ecmascript)(?::|\\|$)|^(?:view-source|jar|mhtml|mk|ms-its|wyciwyg|feed:javascript|feed:data):/;
/** Where most URLs begin, none of them a scheme that runs script. */
const plainStart = /^(?:https?:|[/#?.])/i;
/** `content` of a `meta` that goes elsewhere. */
const refreshes = /[;,]url=(?:javascript|data|vbscript):/i;
const activeData = /^data:(?!image\/(?:png|jpe?g|gif|webp|avif|bmp|x-icon)[;,])/;

/** Whether a browser runs script when it follows `value`; `data:` counts only where a URL is `expected`. */
export function isActiveUrl(value: string, expected: boolean): boolean {
  if (plainStart.test(value)) return expected && refreshes.test(value);
  const text = decodeStart(value);
  if (scriptSchemes.test(text)) return true;
  return expected && (activeData.test(text) || refreshes.test(text));
}

const references: Readonly<Record<string, string>> = Object.assign(
  Object.create(null) as Record<string, string>,
  {
    colon: ':',
    tab: '',
    newline: '',
    lpar: '(',
    rpar: ')',
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    nbsp: '',
    sol: '/',
    semi: ';',
    comma: ',',
    bsol: '\\',
  },
);

/** The start of an attribute value as a browser reads a URL: character references decoded, blanks and controls left out, lower-case. */
function decodeStart(value: string): string {
  let out = '';
  let i = 0;
  while (i < value.length && out.length < SCHEME_BYTES) {
    let code = value.charCodeAt(i++);
    if (code === 0x26) {
      const numeric = /^#(?:x([0-9a-f]{1,10})|([0-9]{1,10}));?/i.exec(value.slice(i, i + 14));
      if (numeric !== null) {
        i += numeric[0].length;
        code = numeric[1] === undefined ? Number.parseInt(numeric[2]!, 10) : Number.parseInt(numeric[1], 16);
      } else {
        const named = /^([a-z]{2,8});?/i.exec(value.slice(i, i + 9));
        const text = named === null ? undefined : references[named[1]!.toLowerCase()];
        if (text !== undefined) {
          i += named![0].length;
          out += text;
          continue;
        }
      }
    }
    // What is left of an escape of another language.
    if (code === 0x5c && /[0nrtx]/.test(value[i] ?? '')) {
      i += value[i] === 'x' ? 3 : 1;
      continue;
    }
    // Blanks, controls and bytes outside of ASCII are dropped somewhere by some browser.
    if (code <= 0x20 || code > 0x7e) continue;
    out += code >= 0x41 && code <= 0x5a ? String.fromCharCode(code | 0x20) : String.fromCharCode(code);
  }
  return out;
}

/** Declarations that only set colours, sizes, fonts and the like are let go; what loads, computes or confuses parsers is not. */
function isActiveStyle(value: string, isTag: boolean): boolean {
  const compact = value.replace(/[\0-\x20]+/g, '');
  if (/behaviou?r|binding|expression|import|javascript|url|image|o-link/i.test(compact)) return true;
  if (!isTag) return false;
  const unquoted = value.includes("'") ? value.replace(/'[\w .-]*'/g, '') : value;
  return !/^[\w\s:;.,#%!()*+-]*$/.test(unquoted);
}
