export { FrameType, H2Code } from './frames.ts';
export {
  defaultH2Settings,
  type H2Handler,
  H2Session,
  type H2Settings,
  type ResponseStart,
} from './session.ts';
export { H2Stream } from './stream.ts';
