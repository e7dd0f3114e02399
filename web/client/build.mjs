// Builds everything that a browser fetches into web/static/built: each web/client/pages/*.ts becomes one module
// <name>-<hash>.js, web/static/styles/style.css one sheet with its fonts beside it, and manifest.json says which
// name is which file. Names carry a hash of the content, so that files may be cached for ever.
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
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

// The new folder is whole before it takes the old one's place: a build that fails, or a page that is asked for
// meanwhile, finds the last one.
const fresh = built + ".new";
const old = built + ".old";
await rm(fresh, { recursive: true, force: true });
await mkdir(fresh, { recursive: true });
const kb = (bytes) => (bytes / 1024).toFixed(1).padStart(7);
for (const file of result.outputFiles) {
  const target = path.join(fresh, path.basename(file.path));
  await writeFile(target, file.contents);
  if (!/\.(js|css|svg)$/.test(file.path)) continue;
  const zipped = await promisify(gzip)(file.contents, { level: 9 });
  await writeFile(target + ".gz", zipped);
  await writeFile(target + ".br", await promisify(brotliCompress)(file.contents));
  process.stdout.write(`${kb(file.contents.length)} kB ${kb(zipped.length)} kB gzip  ${path.basename(file.path)}\n`);
}
await writeFile(path.join(fresh, "manifest.json"), JSON.stringify(manifest, Object.keys(manifest).sort(), 2) + "\n");
await rm(old, { recursive: true, force: true });
await rename(built, old).catch((error) => {
  if (error.code !== "ENOENT") throw error;
});
await rename(fresh, built);
await rm(old, { recursive: true, force: true });
