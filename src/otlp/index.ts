export type { RouteFacts } from './attributes.ts';
export type { OtlpConfig, TraceSettings } from './contract.ts';
export { createTransport } from './create-transport.ts';
export { OtlpExporter } from './exporter.ts';
export { keepReasons, TailSampler } from './sampler.ts';
export type { Transport } from './transport.ts';
