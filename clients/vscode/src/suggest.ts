// Let the user pick one of the workflows that the daemon suggests, and open it. Nothing is run.

import * as vscode from 'vscode';
import { CodeActionResolveRequest, type CodeAction, type LanguageClient } from 'vscode-languageclient/node';
import type { Suggestion, SuggestResult } from './messages';

/** Ask for a task; the selection is a first draft of it. */
export async function suggestForTask(): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  const task = await vscode.window.showInputBox({
    title: 'Flow: suggest a workflow',
    prompt: 'What do you want done?',
    value: editor?.document.getText(editor.selection).trim() ?? '',
  });
  if (task !== undefined && task.trim() !== '') {
    const uri = editor?.document.uri.scheme === 'file' ? editor.document.uri.toString() : '';
    await vscode.commands.executeCommand('flow.suggest', { task, uri });
  }
}

/** In place of the daemon's own menu, which cannot show what the steps are. */
export async function pickSuggestion(
  client: LanguageClient,
  argument: unknown,
  ask: (argument: object) => Promise<unknown>,
): Promise<void> {
  const about = (argument ?? {}) as { uri?: string };
  const answer = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: 'Flow: looking for workflows' },
    async () => (await ask({ ...about, pick: false })) as SuggestResult,
  );
  const usable = answer.suggestions.filter((made) => made.verdict !== 'block');
  if (usable.length === 0) {
    const reasons = answer.providers.map((one) => one.error).filter((error) => error !== '');
    void vscode.window.showInformationMessage(['Flow: no suggestion', ...reasons].join('; '));
    return;
  }
  const picked = await vscode.window.showQuickPick(usable.map(describe), {
    placeHolder: 'The one you pick opens as a file. Nothing is run.',
    matchOnDetail: true,
  });
  if (picked !== undefined) {
    await open(client, picked.made, about.uri ?? '');
  }
}

function describe(made: Suggestion): vscode.QuickPickItem & { made: Suggestion } {
  const steps = made.workflow.steps.map((step) => step.run.trim().replaceAll(/\s*\n\s*/g, '; '));
  return {
    label: made.verdict === 'confirm' ? `$(question) ${made.title}` : made.title,
    description: `${made.provider}  ${made.score.toFixed(2)}`,
    detail: steps.join('  ›  '),
    made,
  };
}

/** The daemon turns a suggestion into the edit that makes its file; VS Code makes and shows it. */
async function open(client: LanguageClient, made: Suggestion, uri: string): Promise<void> {
  const chosen: CodeAction = { title: made.title, data: { suggestion: made.id, uri } };
  const { edit } = await client.sendRequest(CodeActionResolveRequest.type, chosen);
  const converted = await client.protocol2CodeConverter.asWorkspaceEdit(edit);
  const target = converted?.entries()[0]?.[0];
  if (converted === undefined || target === undefined || !(await vscode.workspace.applyEdit(converted))) {
    throw new Error('the file of the suggestion could not be made');
  }
  await vscode.window.showTextDocument(target);
}
