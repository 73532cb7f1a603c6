// Bundle the extension, and put beside it the schema of the workflow language and the licenses of
// the packages that went into the bundle.

import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const schema = process.env.FLOW_SCHEMA ?? '../../daemon/flowd/domain/flow.schema.json';

await rm('out', { recursive: true, force: true });
await mkdir('out');
await copyFile(schema, 'out/flow.schema.json');
const { metafile } = await build({
  entryPoints: ['src/extension.ts'],
  outfile: 'out/extension.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode'],
  minify: true,
  legalComments: 'none',
  metafile: true,
});

const packages = new Set(
  Object.keys(metafile.inputs).flatMap((input) => input.match(/.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []),
);
const licenses = [];
for (const folder of [...packages].sort()) {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) {
    throw new Error(`${name} is bundled but says no license`);
  }
  licenses.push(`${name}\n\n${await readFile(`${folder}/${file}`, 'utf8')}`);
}
await writeFile('out/THIRD-PARTY.txt', licenses.join('\n----------\n\n'));
