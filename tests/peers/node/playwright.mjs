// One way in for scripts that live elsewhere in the tree: `node_modules` is beside this file.
export { chromium } from "playwright-core";
