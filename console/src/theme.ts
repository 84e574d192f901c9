// Light or dark: what the system says, unless somebody chose.
import { useCallback, useEffect, useState } from 'react';

export type Theme = 'light' | 'dark';
const KEY = 'gatewright-theme';

const chosen = (): Theme | null => {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : null;
};
const ofSystem = (): Theme => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

export function applyTheme(): void {
  document.documentElement.dataset['theme'] = chosen() ?? ofSystem();
}

export function useTheme(): { readonly theme: Theme; toggle(): void } {
  const [theme, setTheme] = useState<Theme>(() => chosen() ?? ofSystem());
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme;
  }, [theme]);
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    const follow = (): void => setTheme(chosen() ?? ofSystem());
    media.addEventListener('change', follow);
    return () => media.removeEventListener('change', follow);
  }, []);
  const toggle = useCallback(() => {
    setTheme((before) => {
      const next = before === 'dark' ? 'light' : 'dark';
      localStorage.setItem(KEY, next);
      return next;
    });
  }, []);
  return { theme, toggle };
}
