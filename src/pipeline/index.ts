export {
  type CompiledPipeline,
  compilePipeline,
  runOnAnswer,
  runOnAnswerBody,
  runOnBody,
  runOnEnd,
  runOnRequest,
  runOnResponse,
} from './pipeline.ts';
