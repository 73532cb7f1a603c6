// The one connection to the daemon. All logic is there; this starts it and passes words on.

import * as vscode from 'vscode';
import { LanguageClient, ResponseError, State, TransportKind } from 'vscode-languageclient/node';

/** Does a command of the daemon with means that only VS Code has; `ask` asks the daemon. */
export type Substitute = (
  client: LanguageClient,
  argument: unknown,
  ask: (argument: object) => Promise<unknown>,
) => Promise<void>;

/** Leaves it to `connected` in extension.ts to tell that the daemon cannot be started. */
class FlowClient extends LanguageClient {
  public override error(message: string, data?: unknown, showNotification?: boolean | 'force'): void {
    super.error(message, data, this.state === State.StartFailed ? false : showNotification);
  }
}

/** The daemon's program, as the user has set it. */
export function daemonProgram(): string {
  return vscode.workspace.getConfiguration('flow').get<string>('flowdPath', 'flowd');
}

/** A client for the daemon. Its commands in `substitutes` are not simply passed on to it. */
export function createClient(substitutes: Record<string, Substitute>): LanguageClient {
  const client: LanguageClient = new FlowClient(
    'flow',
    'Flow',
    { command: daemonProgram(), args: ['--stdio'], transport: TransportKind.stdio },
    {
      documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }],
      middleware: {
        executeCommand: async (command, words: unknown[], next) => {
          const substitute = substitutes[command];
          if (substitute === undefined) {
            return next(command, words);
          }
          try {
            await substitute(client, words[0], async (argument) => next(command, [argument]));
          } catch (error) {
            void vscode.window.showErrorMessage(`Flow: ${explain(error)}`);
          }
          return undefined;
        },
      },
    },
  );
  return client;
}

/** What an error of the daemon says, with its cure. */
export function explain(error: unknown): string {
  if (error instanceof ResponseError) {
    const data: unknown = error.data;
    const cure = typeof data === 'object' && data !== null && 'cure' in data ? String(data.cure) : '';
    return cure === '' ? error.message : `${error.message}. ${cure}`;
  }
  return error instanceof Error ? error.message : String(error);
}
