export { detectSqli, sqliBytes } from './sqli.ts';
export { detectXss, xssBytes } from './xss.ts';
