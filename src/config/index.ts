export type {
  ApiConfig,
  GateConfig,
  HealthConfig,
  HttpConfig,
  ListenerConfig,
  OperationConfig,
  TargetConfig,
  TelemetryConfig,
  UpstreamConfig,
} from './gate-config.ts';
