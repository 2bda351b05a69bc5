/**
 * The project the quickstart runs: a web server on each host (a host port is free once per host, so the port
 * filter spreads the copies) and a worker that keeps its notes in a named volume. No `build:` and no registry:
 * the image is made from this machine's own files.
 */
export function renderSampleProject(image: string, copies: number): string {
  return `# Run on the three hosts of \`flotilla quickstart\`; change it and run \`docker-compose up -d\` again.
name: hello
services:
  web:
    image: ${image}
    scale: ${copies}
    # The engine's own bridge: a network of the project would be on one host only.
    network_mode: bridge
    ports: ["8080:80"]
  worker:
    image: ${image}
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do date >> /notes/log; sleep 5 & wait; done"]
    depends_on: [web]
    volumes: ["notes:/notes"]
volumes:
  notes:
`
}
