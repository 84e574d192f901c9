import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { SessionProvider } from './session.tsx';
import { applyTheme } from './theme.ts';
import './tokens.css';
import './layout.css';
import './components.css';
import './views.css';

applyTheme();
createRoot(document.querySelector('#root')!).render(
  <SessionProvider>
    <App />
  </SessionProvider>,
);
