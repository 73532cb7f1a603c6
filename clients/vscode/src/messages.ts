// The parts of the wire contract (protocol/PROTOCOL.md) that this extension uses.

export type RunState =
  | 'pending'
  | 'running'
  | 'waiting'
  | 'compensating'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'compensated'
  | 'compensation_failed';

export const UNDOABLE: readonly RunState[] = ['succeeded', 'failed', 'cancelled', 'compensation_failed'];

export interface RunRow {
  id: string;
  name: string;
  state: RunState;
  cwd: string;
  updated_at: number;
  steps: number;
  steps_done: number;
}

export interface StepRow {
  id: string;
  state: string;
  undo?: string | null;
}

export interface ShownRun {
  id: string;
  name: string;
  state: RunState;
  steps: StepRow[];
}

export interface Suggestion {
  id: string;
  title: string;
  provider: string;
  score: number;
  verdict: 'allow' | 'confirm' | 'block';
  workflow: { steps: { id: string; run: string }[] };
}

export interface SuggestResult {
  suggestions: Suggestion[];
  providers: { provider: string; error: string }[];
}
