export type {
  ApiConfig,
  GateConfig,
  HealthConfig,
  HttpConfig,
  ListenerConfig,
  OperationConfig,
  StateConfig,
  TargetConfig,
  TelemetryConfig,
  UpstreamConfig,
} from './gate-config.ts';
