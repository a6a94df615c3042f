// The three ways a client reaches the server, each of which every client test goes through.

export const MODES = {
  "polling only": ["polling"],
  "WebSocket only": ["websocket"],
  upgrading: ["polling", "websocket"],
};
