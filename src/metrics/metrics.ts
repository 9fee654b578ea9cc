import {
  collectDefaultMetrics,
  Counter,
  type CounterConfiguration,
  Gauge,
  type GaugeConfiguration,
  Registry,
} from 'prom-client';

/** Seconds: what takes milliseconds to minutes, such as a request. */
export const shortSeconds = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
/** Seconds: what takes up to hours, such as an agent's work. */
export const longSeconds = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200];

/**
 * Where everything that a process measures of itself comes together, in Prometheus's form: `metrics()`. Of what it is made
 * of, each concept has a file of its own beside this one. Labels have few values: never an id, never what a caller wrote.
 */
export function createMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** A value that goes up and down; one with `collect` is asked for it at each scrape. */
export function gauge<Label extends string>(configuration: GaugeConfiguration<Label>): Gauge<Label> {
  return new Gauge(configuration);
}

/** A value that only goes up. */
export function counter<Label extends string>(configuration: CounterConfiguration<Label>): Counter<Label> {
  return new Counter(configuration);
}
