// Start, follow and undo runs.

import * as path from 'node:path';
import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { UNDOABLE, type RunRow, type RunState, type ShownRun } from './messages';

const MENU_LENGTH = 50;

/**
 * Open a terminal with one `flowctl` command: it draws the run and asks what the run asks. As a task,
 * because a task's terminal stays when its program ends, with what it wrote.
 */
async function terminal(name: string, words: string[], cwd?: string): Promise<void> {
  const flowctl = vscode.workspace.getConfiguration('flow').get<string>('flowctlPath', 'flowctl');
  const execution = new vscode.ProcessExecution(flowctl, words, cwd === undefined ? {} : { cwd });
  const definition = { type: 'flow', words };
  const task = new vscode.Task(definition, vscode.TaskScope.Workspace, name, 'Flow', execution, []);
  task.presentationOptions = { panel: vscode.TaskPanelKind.New, focus: true, echo: false };
  await vscode.tasks.executeTask(task);
}

/** Run the workflow in the active editor. */
export async function runActive(): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined) {
    void vscode.window.showInformationMessage('Flow: open a workflow first');
  } else {
    await run(document.uri);
  }
}

/** Save a workflow and run it in a terminal. */
export async function run(uri: vscode.Uri): Promise<void> {
  const saved = await vscode.workspace.save(uri); // a new file has a name only now
  if (saved !== undefined) {
    await terminal(path.basename(saved.fsPath), ['run', saved.fsPath], folderOf(saved));
  }
}

/** Where a file's workflow runs: its workspace folder, else its own folder. */
function folderOf(file: vscode.Uri): string {
  const folder = vscode.workspace.getWorkspaceFolder(file);
  return folder?.uri.fsPath ?? path.dirname(file.fsPath);
}

export async function attachToPicked(client: LanguageClient): Promise<void> {
  const row = await pickRun(client, 'Attach to');
  if (row !== undefined) {
    await terminal(row.name, ['attach', row.id]);
  }
}

/** Undo a finished run, after showing what will be undone. */
export async function undo(client: LanguageClient, run?: string): Promise<void> {
  const chosen = run ?? (await pickRun(client, 'Undo', UNDOABLE))?.id;
  if (chosen === undefined) {
    return;
  }
  const shown = await client.sendRequest<ShownRun>('flow/show', { run: chosen });
  const steps = shown.steps
    .filter((step) => step.state === 'succeeded' && typeof step.undo === 'string')
    .reverse()
    .map((step) => `${step.id}: ${step.undo}`);
  const confirmed = await vscode.window.showWarningMessage(
    `Undo ${shown.name}?`,
    { modal: true, detail: steps.join('\n') || 'Nothing says how to undo it.' },
    'Undo',
  );
  if (confirmed === 'Undo') {
    await terminal(shown.name, ['undo', shown.id]);
  }
}

async function pickRun(
  client: LanguageClient,
  placeHolder: string,
  state?: readonly RunState[],
): Promise<RunRow | undefined> {
  const listed = await client.sendRequest<{ runs: RunRow[] }>('flow/list', {
    limit: MENU_LENGTH,
    ...(state === undefined ? {} : { state }),
  });
  if (listed.runs.length === 0) {
    void vscode.window.showInformationMessage(`Flow: there is no run to ${placeHolder.toLowerCase()}`);
    return undefined;
  }
  const items = listed.runs.map((row) => ({
    label: row.name,
    description: `${row.state.replaceAll('_', ' ')}  ${row.steps_done}/${row.steps}  ${row.id}`,
    detail: new Date(row.updated_at).toLocaleString(),
    row,
  }));
  return (await vscode.window.showQuickPick(items, { placeHolder, matchOnDescription: true }))?.row;
}
