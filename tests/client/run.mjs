// Bundles tests/client/*.test.ts and runs them in Node's own test runner, against the client's parts that need no DOM.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../..");
// Below node_modules, so that the bundles find the packages that they leave outside.
const outdir = path.join(root, "node_modules/.cache/client-tests");
rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
const entryPoints = readdirSync(here).filter((name) => name.endsWith(".test.ts")).map((name) => path.join(here, name));
buildSync({
  absWorkingDir: root,
  entryPoints,
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: "inline",
  logLevel: "warning",
});
const files = readdirSync(outdir).filter((name) => name.endsWith(".mjs")).map((name) => path.join(outdir, name));
const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { cwd: root, stdio: "inherit" });
process.exit(run.status ?? 1);
