// Icons as strokes on a grid of 20: drawn here, so that nothing is fetched.
const paths = {
  now: 'M3 12h3l2.5-7 4 11L15 9h2',
  requests: 'M4 5h12M4 10h12M4 15h8',
  incidents: 'M10 3 2.5 16.5h15L10 3Zm0 5v4m0 2.2v.3',
  apis: 'M7 5 2.5 10 7 15m6-10 4.5 5-4.5 5M11.5 4l-3 12',
  identities: 'M10 10a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4Zm-6.5 7a6.5 6.5 0 0 1 13 0',
  keys: 'M12.5 3.5a4 4 0 1 1-3.6 5.7L3 15v2h3v-2h2v-2h1.6l1.2-1.2M13.5 6.5h.1',
  policies: 'M10 2.8 4 5v5c0 3.6 2.6 6.2 6 7.2 3.4-1 6-3.6 6-7.2V5l-6-2.2Zm-2.6 7 2 2 3.4-3.6',
  waf: 'M3 4h14v4H3zM3 8h14v4H3zM3 12h14v4H3zM8 4v4m5 0v4m-6 0v4',
  limits: 'M3.5 14a7 7 0 1 1 13 0M10 13l3.5-4.5M10 13h.1',
  audit: 'M5 3h7l3.5 3.5V17H5V3Zm7 0v3.5h3.5M7.5 10h5m-5 3h5',
  settings:
    'M10 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM10 2.5v2m0 11v2m7.5-7.5h-2m-11 0h-2m12.8-5.3-1.4 1.4m-7.8 7.8-1.4 1.4m10.6 0-1.4-1.4M6.1 6.1 4.7 4.7',
  search: 'M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11Zm4-1.5 4 4',
  sun: 'M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM10 2v2m0 12v2m8-8h-2M4 10H2m13.7-5.7-1.4 1.4M5.7 14.3l-1.4 1.4m11.4 0-1.4-1.4M5.7 5.7 4.3 4.3',
  moon: 'M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3Z',
  out: 'M8 3.5H4v13h4m3-3 3.5-3.5L11 6.5m3.5 3.5H7.5',
  plus: 'M10 4v12M4 10h12',
  check: 'm4.5 10.5 3.5 3.5 7.5-8',
  close: 'm5 5 10 10M15 5 5 15',
  pause: 'M7 4v12m6-12v12',
  play: 'M6 4v12l10-6L6 4Z',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg aria-hidden="true" width="26" height="26" viewBox="0 0 32 32">
      <rect width="32" height="32" rx="8" fill="#0f766e" />
      <path
        d="M8 25V14a8 8 0 0 1 16 0v11"
        fill="none"
        stroke="#fff"
        strokeWidth="2.6"
        strokeLinecap="round"
      />
      <path d="M13 25v-9m6 9v-9M8 20h16" stroke="#fff" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}
