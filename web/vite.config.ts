// How the page is built. Everything it needs is a file of its own: the server's content security policy
// forbids inline scripts, inline styles and data: scripts.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// `npm run dev` serves the page and hands the rest to a Plaza that runs beside it.
const plaza = process.env['PLAZA_URL'] ?? 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': plaza,
      '/health': plaza,
      '/socket.io': { target: plaza, ws: true },
    },
  },
  test: { include: ['sdk/test/**/*.test.ts', 'src/**/*.test.ts'] },
});
