import { defineConfig } from "vite";

// Relative, so that the page works below any prefix that a proxy adds.
export default defineConfig({
  base: "./",
  build: {
    assetsDir: "playground",
    // A picture in the script would be sent to those who never look at it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
});
