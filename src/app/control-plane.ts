// Mounts the services of the control plane, and runs their server while the configuration has an API that one of them
// answers. Every service is listed here by name.
import type { GateConfig } from '../config/index.ts';
import { ControlServer, type ServiceHandler } from '../control/index.ts';
import type { UpstreamEndpoints } from '../gateway/index.ts';
import type { GateLog } from '../telemetry/index.ts';

/** Handlers by the name of their service; services whose part of the configuration is missing are not there. */
export type ControlHandlers = Readonly<Record<string, ServiceHandler>>;

export class ControlPlane {
  readonly #server: ControlServer;
  readonly #handlers: ControlHandlers;
  #started = false;

  constructor(log: GateLog, handlers: ControlHandlers) {
    this.#handlers = handlers;
    this.#server = new ControlServer((service, error) => {
      const problem = error instanceof Error ? error.message : String(error);
      log.write('error', 'service-failed', { service, problem });
    });
  }

  get address(): ControlServer['address'] {
    return this.#server.address;
  }

  /** Starts the server when `config` is the first to need it; it then runs to the end. */
  async configure(config: GateConfig): Promise<void> {
    if (this.#started || config.apis.every(({ service }) => service === null)) return;
    this.#started = true;
    for (const [name, handler] of Object.entries(this.#handlers)) this.#server.mount(name, handler);
    await this.#server.start();
  }

  /** Where the threads find the services: the one endpoint of the upstream that stands for them. */
  endpoints(config: GateConfig): UpstreamEndpoints[] {
    return config.upstreams
      .filter(({ isControl }) => isControl)
      .map(({ name }) => ({
        upstream: name,
        endpoints: [
          {
            key: this.address.socket,
            host: 'control',
            address: this.address.socket,
            port: 0,
            tls: false,
            weight: 1,
            healthy: true,
          },
        ],
      }));
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
