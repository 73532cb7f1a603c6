// Drives the packed extension in a real VS Code (code-server) with a real daemon, as a person would,
// and takes a screenshot of each scene. See README.md for what it needs and how to start it.
//
// CODE_SERVER  out/node/entry.js of code-server            FLOW_BIN  folder with flowd and flowctl
// CODE_SERVER_NODE  the node that runs it (default: node)  VSIX      default: flow-0.1.0.vsix here
// CHROMIUM     default: /usr/bin/chromium                  OUT       where the screenshots go

import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

const here = path.dirname(new URL(import.meta.url).pathname);
const { CODE_SERVER, FLOW_BIN, CODE_SERVER_NODE = 'node', CHROMIUM = '/usr/bin/chromium' } = process.env;
if (!CODE_SERVER || !FLOW_BIN) {
  console.error('set CODE_SERVER and FLOW_BIN; see README.md');
  process.exit(2);
}
const vsix = process.env.VSIX ?? path.join(here, '..', 'flow-0.1.0.vsix');
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'flow-ui-'));
const out = process.env.OUT ?? path.join(home, 'screenshots');
const folders = Object.fromEntries(['flow', 'work', 'data', 'extensions'].map((name) => [name, path.join(home, name)]));
for (const folder of [...Object.values(folders), path.join(folders.data, 'User'), path.join(folders.data, 'Machine'), out]) {
  fs.mkdirSync(folder, { recursive: true });
}

const started = Date.now();
const say = (...words) => console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)}s`, ...words);

const broken = path.join(folders.work, 'broken.flow.yaml');
const release = path.join(folders.work, 'release.flow.yaml');
const greet = path.join(folders.work, 'greet.flow.yaml');
const notes = path.join(folders.work, 'notes.txt');
fs.writeFileSync(broken, 'flow: 1\nname: broken\nsteps:\n  - id: build\n    rnu: make\n');
fs.writeFileSync(
  release,
  'flow: 1\nname: release\nsteps:\n' +
    '  - id: build\n    run: echo building; echo built > wheel.txt\n    undo: rm wheel.txt\n' +
    '  - id: announce\n    confirm: Announce it?\n    run: echo announced\n',
);
fs.writeFileSync(
  greet,
  'flow: 1\nname: greet\ninputs:\n  who: {description: whom to greet}\nsteps:\n  - id: hi\n    run: echo hello $who\n',
);
fs.writeFileSync(notes, 'show the biggest files in this folder\n');
fs.writeFileSync(
  path.join(folders.data, 'User', 'settings.json'),
  JSON.stringify({
    'workbench.startupEditor': 'none',
    'workbench.secondarySideBar.defaultVisibility': 'hidden',
    'workbench.tips.enabled': false,
    'security.workspace.trust.enabled': false,
    'telemetry.telemetryLevel': 'off',
    'chat.disableAIFeatures': true,
    'terminal.integrated.gpuAcceleration': 'off', // so that its text is text
    'extensions.ignoreRecommendations': true,
  }),
);
const useDaemon = (flowd) =>
  fs.writeFileSync(
    path.join(folders.data, 'Machine', 'settings.json'),
    JSON.stringify({ 'flow.flowdPath': flowd, 'flow.flowctlPath': `${FLOW_BIN}/flowctl` }),
  );
useDaemon(`${FLOW_BIN}/flowd`);

const env = {
  ...process.env,
  HOME: home,
  FLOW_HOME: folders.flow,
  XDG_CONFIG_HOME: path.join(home, 'config'),
  XDG_DATA_HOME: path.join(home, 'share'),
  XDG_CACHE_HOME: path.join(home, 'cache'),
};
const flowctl = (...words) => execFileSync(`${FLOW_BIN}/flowctl`, words, { env, encoding: 'utf8' });

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function until(what, condition, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never: ${what}`);
}

const answers = (url) => fetch(url).then((reply) => reply.ok, () => false);

const port = await freePort();
const places = ['--user-data-dir', folders.data, '--extensions-dir', folders.extensions];
execFileSync(CODE_SERVER_NODE, [CODE_SERVER, ...places, '--install-extension', vsix], { env });
say('extension installed');
const log = fs.openSync(path.join(out, 'code-server.log'), 'w');
const server = spawn(
  CODE_SERVER_NODE,
  [
    ...[CODE_SERVER, ...places, '--bind-addr', `127.0.0.1:${port}`, '--auth', 'none', '--disable-telemetry'],
    ...['--disable-update-check', '--disable-workspace-trust', '--disable-getting-started-override'],
  ],
  { env, stdio: ['ignore', log, log], detached: true },
);

let browser;
let page;
let failed = true;

const shot = async (name) => {
  await page.screenshot({ path: path.join(out, `${name}.png`) });
  say('screenshot', name);
};

async function open(file) {
  const payload = encodeURIComponent(JSON.stringify([['openFile', `vscode-remote://127.0.0.1:${port}${file}`]]));
  await page.goto(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(folders.work)}&payload=${payload}`, {
    waitUntil: 'domcontentloaded',
  });
  await page.waitForSelector('.monaco-workbench', { timeout: 60_000 });
  await page.waitForSelector(`.tab >> text=${path.basename(file)}`, { timeout: 60_000 });
}

async function palette(title) {
  await page.keyboard.press('F1');
  await page.waitForSelector('.quick-input-widget input', { state: 'visible' });
  await page.keyboard.type(title, { delay: 5 });
  await page.waitForSelector(`.quick-input-list .monaco-list-row.focused >> text=${title}`, { timeout: 15_000 });
  await page.keyboard.press('Enter');
}

/** Open the menu of code actions; the key is lost while the lightbulb is being drawn, so press again. */
async function codeActions(text) {
  for (let attempt = 0; attempt < 6; attempt++) {
    await page.keyboard.press('Control+.');
    try {
      await page.waitForSelector(`.action-widget >> text=${text}`, { timeout: 4000 });
      return;
    } catch {
      await page.keyboard.press('Escape');
    }
  }
  throw new Error(`never: a code action "${text}"`);
}

const editorText = async () => (await page.locator('.view-lines').first().innerText()).replaceAll('\u00a0', ' ');

const terminalText = () => page.locator('.terminal-wrapper.active .xterm-rows').innerText();
const terminalSays = (text) =>
  until(`the terminal says "${text}"`, async () => (await terminalText()).replaceAll('\u00a0', ' ').includes(text));

/** Wait for a message, until it has faded in. */
async function toast(text) {
  await page.waitForSelector(`.notification-toast >> text=${text}`, { timeout: 15_000 });
  await page.waitForTimeout(600);
}

try {
  await until('code-server answers', () => answers(`http://127.0.0.1:${port}/healthz`));
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  });
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });

  await open(broken);
  await page.waitForSelector('.squiggly-error', { timeout: 60_000 });
  await page.keyboard.press('Control+Shift+M');
  await page.waitForSelector('.markers-panel >> text=rnu', { timeout: 15_000 });
  await shot('01-diagnostics');
  await page.locator('.view-line', { hasText: 'rnu' }).click();
  await codeActions('Change to run');
  await shot('02-quick-fix');
  await page.keyboard.press('Enter');
  await until('the mistake is mended', async () => (await editorText()).includes('run: make'));
  await page.waitForSelector('.squiggly-error', { state: 'detached', timeout: 15_000 });
  await shot('03-mended');

  await open(notes);
  await page.locator('.view-line', { hasText: 'biggest' }).click();
  await codeActions('Suggest workflow');
  await shot('04-code-actions');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.quick-input-list .monaco-list-row.focused >> text=offline', { timeout: 30_000 });
  await shot('05-suggestions');
  await page.keyboard.press('Enter');
  await until('a suggested workflow is open', async () => (await editorText()).includes('flow: 1'), 60);
  await page.waitForSelector('.codelens-decoration >> text=Undo', { timeout: 30_000 });
  await shot('06-suggested-file');

  await open(notes);
  await page.locator('.view-line', { hasText: 'biggest' }).click();
  await codeActions('Flow: Find the largest files');
  await page.locator('.action-widget >> text=Flow: Find the largest files').click();
  await until('the suggestion of the menu is open', async () => (await editorText()).includes('name: find-largest'));
  await shot('07-suggestion-of-the-menu');

  await palette('Flow: Suggest workflow');
  await page.waitForSelector('.quick-input-widget >> text=What do you want done?', { timeout: 15_000 });
  await page.keyboard.type('tag a release');
  await shot('08-task-in-words');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.quick-input-list .monaco-list-row.focused >> text=offline', { timeout: 30_000 });
  await shot('09-suggestions-for-it');
  await page.keyboard.press('Escape');

  await open(release);
  await page.waitForSelector('.codelens-decoration >> text=Undo', { timeout: 30_000 });
  await page.locator('.codelens-decoration a', { hasText: 'Run' }).click();
  await page.waitForSelector('.terminal-wrapper.active .xterm', { timeout: 30_000 });
  const runs = () => JSON.parse(flowctl('ps', '--json')).runs;
  await until('the run waits for an answer', () => runs().some((run) => run.state === 'waiting'));
  await terminalSays('Announce it?');
  await shot('10-terminal-asks');
  await page.locator('.terminal-wrapper.active .xterm').click();
  await page.keyboard.type('y');
  await page.keyboard.press('Enter');
  const history = () => JSON.parse(flowctl('history', '--json')).runs;
  await until('the run succeeded', () => history().some((run) => run.state === 'succeeded'));
  await terminalSays('release succeeded');
  await shot('11-terminal-done');

  await palette('Flow: Undo run');
  await page.waitForSelector('.quick-input-list .monaco-list-row >> text=release', { timeout: 15_000 });
  await shot('12-which-run');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.monaco-dialog-box >> text=Undo release?', { timeout: 15_000 });
  await shot('13-undo-asks');
  await page.locator('.monaco-dialog-box .monaco-button >> text=Undo').first().click();
  await until('what was made is gone again', () => !fs.existsSync(path.join(folders.work, 'wheel.txt')));
  await terminalSays('was undone');
  await terminalSays('Press any key');
  await shot('14-undone');

  await page.locator('.view-line').first().click();
  await palette('Flow: Run workflow');
  await terminalSays('Announce it?');
  await page.keyboard.type('l'); // later: the run goes on without this terminal
  await page.keyboard.press('Enter');
  await terminalSays('Press any key');
  await page.locator('.view-line').first().click();
  const terminals = () => page.locator('.terminal-tabs-entry').count();
  const before = await terminals();
  await palette('Flow: Attach to run');
  await page.waitForSelector('.quick-input-list .monaco-list-row.focused >> text=waiting', { timeout: 15_000 });
  await page.keyboard.press('Enter');
  await until('another terminal is open', async () => (await terminals()) > before);
  await terminalSays('Announce it?');
  await shot('15-attached');
  await page.keyboard.type('y');
  await page.keyboard.press('Enter');
  await terminalSays('release succeeded');

  await page.locator('.codelens-decoration a', { hasText: 'Undo' }).click();
  await toast('This runs build: rm wheel.txt');
  await shot('16-lens-undo-asks');
  await page.locator('.notification-toast .monaco-button >> text=Undo').click();
  await toast('release compensated');
  await shot('17-lens-undone');

  await open(greet);
  await page.waitForSelector('.codelens-decoration >> text=Run', { timeout: 30_000 });
  await page.locator('.codelens-decoration a', { hasText: 'Run' }).click();
  await terminalSays('who');
  await shot('18-terminal-asks-for-an-input');
  await page.keyboard.type('you');
  await page.keyboard.press('Enter');
  await terminalSays('greet succeeded');
  await shot('19-greeted');
  await page.locator('.codelens-decoration a', { hasText: 'Check' }).click();
  await toast('greet is valid');
  await shot('20-checked');

  useDaemon('/nowhere/flowd');
  await toast('install Flow, or set flow.flowdPath');
  await shot('21-no-daemon');
  const complaints = await page.locator('.notification-toast', { hasText: 'nowhere' }).count();
  if (complaints !== 1) throw new Error(`one mistake is told ${complaints} times`);
  useDaemon(`${FLOW_BIN}/flowd`);
  await page.waitForSelector('.codelens-decoration >> text=Run', { timeout: 30_000 });
  await palette('Flow: Attach to run');
  await page.waitForSelector('.quick-input-list .monaco-list-row >> text=greet', { timeout: 15_000 });
  await shot('22-daemon-again');
  failed = false;
} catch (error) {
  console.error(error);
  await shot('FAILED').catch(() => {});
} finally {
  await browser?.close();
  process.kill(-server.pid, 'SIGTERM');
  try {
    flowctl('daemon', 'stop');
  } catch {
    say('no daemon to stop');
  }
  if (!failed && process.env.OUT) fs.rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
say(failed ? `failed; see ${out}` : `done; screenshots in ${out}`);
process.exit(failed ? 1 : 0);
