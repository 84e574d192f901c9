export {
  type CompiledPipeline,
  compilePipeline,
  runOnAnswer,
  runOnAnswerBody,
  runOnBody,
  runOnEnd,
  runOnMessage,
  runOnRequest,
  runOnResponse,
} from './pipeline.ts';
