export { defaultH2Settings, type H2Handler, type H2Settings, type ResponseStart } from './contract.ts';
export { FrameType, H2Code } from './frames.ts';
export { H2Session } from './session.ts';
export { H2Stream } from './stream.ts';
