// The frame around the pages: navigation by what somebody may see, the command palette, the theme, and who is signed in.
import { lazy, Suspense, useEffect, useState } from 'react';
import type { Permission } from '../../src/admin-api/permissions.ts';
import { Action, Empty, Loading } from './components/basic.tsx';
import { Icon, type IconName, Logo } from './components/icons.tsx';
import { SignInPage } from './pages/sign-in.tsx';
import { Palette } from './palette.tsx';
import { hrefOf, navigate, usePlace } from './router.ts';
import { useSession } from './session.tsx';
import { useTheme } from './theme.ts';

export interface PageEntry {
  readonly id: string;
  readonly title: string;
  readonly icon: IconName;
  readonly permission: Permission;
  readonly Page: React.ComponentType<{
    readonly parts: readonly string[];
    readonly query: Readonly<Record<string, string>>;
  }>;
}

export const pages: readonly PageEntry[] = [
  {
    id: 'now',
    title: 'Now',
    icon: 'now',
    permission: 'traffic:read',
    Page: lazy(() => import('./pages/now.tsx')),
  },
  {
    id: 'requests',
    title: 'Requests',
    icon: 'requests',
    permission: 'requests:read',
    Page: lazy(() => import('./pages/requests.tsx')),
  },
  {
    id: 'incidents',
    title: 'Incidents',
    icon: 'incidents',
    permission: 'incidents:read',
    Page: lazy(() => import('./pages/incidents.tsx')),
  },
  {
    id: 'apis',
    title: 'APIs',
    icon: 'apis',
    permission: 'apis:read',
    Page: lazy(() => import('./pages/apis.tsx')),
  },
  {
    id: 'identities',
    title: 'Identities',
    icon: 'identities',
    permission: 'identities:read',
    Page: lazy(() => import('./pages/identities.tsx')),
  },
  {
    id: 'keys',
    title: 'Keys',
    icon: 'keys',
    permission: 'keys:read',
    Page: lazy(() => import('./pages/keys.tsx')),
  },
  {
    id: 'policies',
    title: 'Policies',
    icon: 'policies',
    permission: 'policies:read',
    Page: lazy(() => import('./pages/policies.tsx')),
  },
  {
    id: 'waf',
    title: 'WAF',
    icon: 'waf',
    permission: 'waf:read',
    Page: lazy(() => import('./pages/waf.tsx')),
  },
  {
    id: 'limits',
    title: 'Limits',
    icon: 'limits',
    permission: 'limits:read',
    Page: lazy(() => import('./pages/limits.tsx')),
  },
  {
    id: 'audit',
    title: 'Audit',
    icon: 'audit',
    permission: 'audit:read',
    Page: lazy(() => import('./pages/audit.tsx')),
  },
  {
    id: 'settings',
    title: 'Settings',
    icon: 'settings',
    permission: 'settings:read',
    Page: lazy(() => import('./pages/settings.tsx')),
  },
];

export function App() {
  const { session, problem } = useSession();
  const place = usePlace();
  if (session === undefined) return <Loading />;
  if (session === null || place.parts[0] === 'enrol') return <SignInPage problem={problem} />;
  return <Shell />;
}

function Shell() {
  const { session, may, signOut } = useSession();
  const { parts, query } = usePlace();
  const { theme, toggle } = useTheme();
  const [isPaletteOpen, setPaletteOpen] = useState(false);
  const shown = pages.filter(({ permission }) => may(permission));
  const wanted = parts[0] ?? '';
  // Everybody may see their own account, which stands under Settings.
  const page = pages.find(({ id }) => id === wanted) ?? (wanted === '' ? shown[0] : undefined);
  const mayOpen = page !== undefined && (may(page.permission) || page.id === 'settings');

  useEffect(() => {
    document.title = page === undefined ? 'Gatewright' : `${page.title} · Gatewright`;
    document
      .querySelector('.bottom-nav [aria-current]')
      ?.scrollIntoView({ inline: 'center', block: 'nearest' });
  }, [page]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        setPaletteOpen(true);
      }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);

  const links = (entries: readonly PageEntry[], className: string) =>
    entries.map(({ id, title, icon }) => (
      <a key={id} className={className} href={hrefOf(id)} aria-current={page?.id === id ? 'page' : undefined}>
        <Icon name={icon} />
        {title}
      </a>
    ));

  return (
    <div className="shell">
      <aside className="side">
        <a className="brand" href={hrefOf('now')}>
          <Logo />
          Gatewright
        </a>
        <nav aria-label="Pages" className="stack" style={{ gap: 2 }}>
          {links(shown, 'nav-link')}
        </nav>
        <div className="side-foot">
          <div className="ellipsis">{session?.user}</div>
          <div>{session?.roles.join(', ') || 'single permissions'}</div>
        </div>
      </aside>
      <div className="main">
        <div className="top">
          <button type="button" className="top-search" onClick={() => setPaletteOpen(true)}>
            <Icon name="search" size={16} />
            <span className="grow ellipsis">Search or go to…</span>
            <kbd>Ctrl K</kbd>
          </button>
          <span className="grow" />
          <Action kind="quiet" aria-label={theme === 'dark' ? 'Light theme' : 'Dark theme'} onPress={toggle}>
            <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
          </Action>
          <Action
            kind="quiet"
            onPress={() => navigate('settings/account')}
            aria-label={`${session?.user ?? ''}: your account`}
          >
            <Icon name="identities" />
            <span className="user-name">{session?.user}</span>
          </Action>
          <Action kind="quiet" aria-label="Sign out" onPress={() => void signOut()}>
            <Icon name="out" />
          </Action>
        </div>
        <main className="page">
          {page === undefined ? (
            <Empty title="There is no such page">
              <a href={hrefOf('now')}>To the first one</a>
            </Empty>
          ) : mayOpen ? (
            <Suspense fallback={<Loading />}>
              <page.Page key={page.id} parts={parts.slice(1)} query={query} />
            </Suspense>
          ) : (
            <Empty title="Your role does not include this page">
              <span>It needs the permission {page.permission}. An administrator can change your role.</span>
            </Empty>
          )}
        </main>
      </div>
      <nav className="bottom-nav" aria-label="Pages">
        {links(shown, '')}
      </nav>
      <Palette isOpen={isPaletteOpen} onClose={() => setPaletteOpen(false)} pages={shown} />
    </div>
  );
}
