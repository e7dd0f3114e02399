// Builds everything that a browser fetches into web/static/built: each web/client/pages/*.ts becomes one module
// <name>-<hash>.js, web/static/styles/style.css one sheet with its fonts beside it, and manifest.json says which
// name is which file. Names carry a hash of the content, so that files may be cached for ever.
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";
import { build } from "esbuild";

const client = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(client, "../..");
const built = path.join(root, "web/static/built");
const pagesFolder = path.join(client, "pages");
const pages = (await readdir(pagesFolder)).filter((name) => name.endsWith(".ts"));

const result = await build({
  absWorkingDir: root,
  entryPoints: [
    ...pages.map((name) => path.join(pagesFolder, name)),
    path.join(root, "web/static/styles/style.css"),
    path.join(root, "web/static/icons.svg"),
  ],
  outdir: built,
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  sourcemap: "linked",
  format: "esm",
  target: ["chrome109", "firefox115", "safari16"],
  charset: "utf8",
  legalComments: "external",
  loader: { ".woff2": "file", ".svg": "copy" },
  metafile: true,
  write: false,
  logLevel: "warning",
});

const manifest = {};
for (const [file, output] of Object.entries(result.metafile.outputs)) {
  if (!output.entryPoint || file.endsWith(".map")) continue;
  const entry = path.basename(output.entryPoint).replace(/\.ts$/, ".js");
  if (entry in manifest) throw new Error(`two sources are called ${entry}`);
  manifest[entry] = path.basename(file);
}

// Old files go only now, when the new ones are at hand: a build that fails leaves the last one in place.
await rm(built, { recursive: true, force: true });
await mkdir(built, { recursive: true });
const kb = (bytes) => (bytes / 1024).toFixed(1).padStart(7);
for (const file of result.outputFiles) {
  await writeFile(file.path, file.contents);
  if (!/\.(js|css|svg)$/.test(file.path)) continue;
  const zipped = await promisify(gzip)(file.contents, { level: 9 });
  await writeFile(file.path + ".gz", zipped);
  await writeFile(file.path + ".br", await promisify(brotliCompress)(file.contents));
  process.stdout.write(`${kb(file.contents.length)} kB ${kb(zipped.length)} kB gzip  ${path.basename(file.path)}\n`);
}
await writeFile(path.join(built, "manifest.json"), JSON.stringify(manifest, Object.keys(manifest).sort(), 2) + "\n");
