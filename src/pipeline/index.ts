export {
  type CompiledPipeline,
  compilePipeline,
  runOnBody,
  runOnRequest,
  runOnResponse,
} from './pipeline.ts';
