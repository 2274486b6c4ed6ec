// Makes src/relume/web/relume.js, relume.css and NOTICE.txt from web/src; `--check` only compares.
//
// The first line of both carries the hash of the sources and of the rest of the file, so that
// whether they are current can be told without Node (tests/web/test_bundle.py does).
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync, existsSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "src", "relume", "web");
const MOST = 170_000; // bytes of both together

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

function sha(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

export function sources() {
  const named = ["build.mjs", "package.json", "package-lock.json", "tsconfig.json"];
  const all = [...files(join(here, "src")), ...named.map((name) => join(here, name))];
  const known = all.map((path) => [relative(here, path).split(sep).join("/"), path]);
  known.sort(([a], [b]) => (a < b ? -1 : 1));
  return sha(...known.flatMap(([name, path]) => [name, "\0", readFileSync(path), "\0"]));
}

async function bundled(entry, options = {}) {
  const made = await build({
    entryPoints: [join(here, "src", entry)],
    bundle: true,
    minify: true,
    write: false,
    charset: "ascii",
    legalComments: "none",
    alias: { "d3-interpolate": join(here, "src", "lib", "interpolate.ts") }, // see there
    target: ["es2020", "chrome100", "firefox100", "safari15.4"],
    ...options,
  });
  return made.outputFiles[0].text;
}

function stamped(body, stamp) {
  return `/* relume web bundle, sources ${stamp}, body ${sha(body)}; see NOTICE.txt */\n${body}`;
}

/** The licences of what is inside the bundle. */
function notice() {
  const lock = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8"));
  const inside = Object.entries(lock.packages).filter(([name, each]) => name && !each.dev);
  const texts = inside.map(([name, each]) => {
    const title = name.split("node_modules/").pop();
    return `${title} ${each.version}\n\n${readFileSync(join(here, name, "LICENSE"), "utf8").trim()}`;
  });
  return `The bundle relume.js contains these packages.\n\n${texts.join("\n\n---\n\n")}\n`;
}

const stamp = sources();
const js = await bundled("index.ts", { format: "iife", globalName: "relume" });
const css = await bundled("style.css");
const made = {
  "relume.js": stamped(js, stamp),
  "relume.css": stamped(css, stamp),
  "NOTICE.txt": notice(),
};
const size = Buffer.byteLength(made["relume.js"]) + Buffer.byteLength(made["relume.css"]);
if (size > MOST) {
  console.error(`the bundle has ${size} bytes, more than ${MOST}`);
  process.exit(1);
}
if (process.argv.includes("--check")) {
  const stale = Object.keys(made).filter((name) => {
    const path = join(out, name);
    return !existsSync(path) || readFileSync(path, "utf8") !== made[name];
  });
  if (stale.length) {
    console.error(`not current: ${stale.join(", ")}; run: cd web && npm ci && node build.mjs`);
    process.exit(1);
  }
} else {
  mkdirSync(out, { recursive: true });
  for (const [name, text] of Object.entries(made)) writeFileSync(join(out, name), text);
}
console.log(`relume.js and relume.css: ${size} bytes`);
