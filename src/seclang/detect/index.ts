export { detectSqli } from './sqli.ts';
export { detectXss } from './xss.ts';
