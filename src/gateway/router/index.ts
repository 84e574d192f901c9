export { compileRouter, type Route, RouteMatch, type RouteResult, type Router } from './router.ts';
