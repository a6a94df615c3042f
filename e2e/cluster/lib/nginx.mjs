// nginx in front of Plaza nodes and Node.js servers: the configuration that docs/migrate-from-nodejs.md shows.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { freePort, start } from "./processes.mjs";

/**
 * `servers`: by their names, where they listen; `services`: by their names, the servers that newcomers go to, and under
 * `default` those of who names none.
 */
function configuration(folder, port, servers, services) {
  const address = (name) => new URL(servers[name]).host;
  const pool = (names) => names.map((name) => `    server ${address(name)};`).join("\n");
  // nginx as root would have its workers be somebody who may not write here.
  const user = process.getuid() === 0 ? `user ${userInfo().username};` : "";
  return `
${user}
pid ${folder}/nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off;
${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `  ${name}_temp_path ${folder}/${name};`).join("\n")}
${Object.keys(servers).map((name) => `  upstream ${name} { server ${address(name)}; }`).join("\n")}
${Object.entries(services).map(([service, names]) => `  upstream service_${service} {\n    least_conn;\n${pool(names)}\n  }`).join("\n")}
  # A newcomer says by its query which service it wants.
  map $arg_service $newcomer {
${Object.keys(services).map((service) => `    ${service === "default" ? "default" : service} service_${service};`).join("\n")}
  }
  # Whoever has a sid goes to the server that gave it.
  map $arg_sid $server_of_sid {
    default $newcomer;
${Object.keys(servers).map((name) => `    "~^${name}_" ${name};`).join("\n")}
  }
  map $http_upgrade $connection_header { default upgrade; "" ""; }
  server {
    listen 127.0.0.1:${port};
    location /socket.io/ {
      proxy_pass http://$server_of_sid;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_header;
      proxy_buffering off;
      # Longer than the servers' heartbeat takes, which is 45 s.
      proxy_read_timeout 60s;
    }
  }
}`;
}

export async function startNginx(servers, services) {
  const folder = mkdtempSync(join(tmpdir(), "plaza-nginx-"));
  const [port, file] = [await freePort(), join(folder, "nginx.conf")];
  writeFileSync(file, configuration(folder, port, servers, services));
  const path = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const args = ["-p", folder, "-c", file, "-e", "stderr", "-g", "daemon off;"];
  const nginx = await start("nginx", args, /start worker processes/, { env: path });
  return {
    url: `http://127.0.0.1:${port}`,
    /** Newcomers go elsewhere from now on, or a moment later; who is connected stays. */
    move(moved) {
      writeFileSync(file, configuration(folder, port, servers, moved));
      nginx.child.kill("SIGHUP");
    },
    async stop() {
      // A master that is killed leaves its workers: it is told to end them.
      const { child } = nginx;
      const ended = new Promise((resolve) => child.on("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
