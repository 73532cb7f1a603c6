// What VS Code calls: commands in, the daemon's client up and down.

import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { createClient, daemonProgram, explain, type Substitute } from './client';
import { attachToPicked, run, runActive, undo } from './runs';
import { pickSuggestion, suggestForTask } from './suggest';

const SUBSTITUTES: Record<string, Substitute> = {
  'flow.suggest': pickSuggestion,
  'flow.run': (_, argument) => run(vscode.Uri.parse((argument as { uri: string }).uri)),
};

let client: LanguageClient | undefined;

/** The running client. Throws an error with a cure when the daemon's program cannot be started. */
async function connected(): Promise<LanguageClient> {
  const present = (client ??= createClient(SUBSTITUTES));
  try {
    await present.start();
  } catch (error) {
    client = undefined; // a client that could not start never can; the next command makes another
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(
      `the daemon (${daemonProgram()}) cannot be started: install Flow, or set flow.flowdPath. ${cause}`,
    );
  }
  return present;
}

/** Register a command that needs the daemon; what goes wrong is shown, with its cure. */
function command<A extends unknown[]>(
  name: string,
  act: (client: LanguageClient, ...args: A) => Promise<void>,
): vscode.Disposable {
  return vscode.commands.registerCommand(name, async (...args: A) => {
    try {
      await act(await connected(), ...args);
    } catch (error) {
      void vscode.window.showErrorMessage(`Flow: ${explain(error)}`);
    }
  });
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  context.subscriptions.push(
    command('flow.client.suggest', suggestForTask),
    vscode.commands.registerCommand('flow.client.run', runActive),
    command('flow.client.attach', attachToPicked),
    command('flow.client.undo', undo),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration('flow.flowdPath')) {
        await deactivate();
        await start();
      }
    }),
  );
  await start();
}

async function start(): Promise<void> {
  try {
    await connected();
  } catch (error) {
    const chosen = await vscode.window.showErrorMessage(`Flow: ${explain(error)}`, 'Open settings');
    if (chosen !== undefined) {
      await vscode.commands.executeCommand('workbench.action.openSettings', 'flow.flowdPath');
    }
  }
}

export async function deactivate(): Promise<void> {
  const ending = client;
  client = undefined;
  if (ending?.isRunning()) {
    await ending.dispose();
  }
}
