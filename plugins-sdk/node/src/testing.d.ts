import type { App } from "./index.js";

export function send(app: App, path: string, document: unknown, headers?: Record<string, string>):
  Promise<{ status: number; text: string }>;
export function ask(app: App, type: string, job: Record<string, any>, header?: Record<string, any>,
  options?: { name?: string; factors?: Record<string, any> }): Promise<any>;
export function replay(app: App, path: string): Promise<string[]>;
