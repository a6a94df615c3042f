// The system's Chromium, told to leave the network alone.

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const chromium = {
  browserName: 'chromium',
  headless: true,
  launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args },
} as const;
