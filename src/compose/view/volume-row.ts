/** A volume as `docker volume ls` describes it; the names are those of templates and of the JSON form. */
export interface VolumeRow {
  readonly Availability: string
  readonly Driver: string
  readonly Group: string
  readonly Labels: string
  readonly Links: string
  readonly Mountpoint: string
  readonly Name: string
  readonly Scope: string
  readonly Size: string
  readonly Status: string
}

/** What is used of a volume the engine describes. */
export interface VolumeFacts {
  readonly name: string
  readonly driver: string
  readonly labels: Readonly<Record<string, string>>
  readonly mountpoint: string
  readonly scope: string
}

/** What only cluster volumes and `docker system df` know. */
const unknown = 'N/A'

export function toVolumeRow(facts: VolumeFacts): VolumeRow {
  const labels = Object.entries(facts.labels)
    .map(([name, value]) => `${name}=${value}`)
    .sort()
  return {
    Availability: unknown,
    Driver: facts.driver,
    Group: unknown,
    Labels: labels.join(','),
    Links: unknown,
    Mountpoint: facts.mountpoint,
    Name: facts.name,
    Scope: facts.scope,
    Size: unknown,
    Status: unknown,
  }
}

export const volumeHeadings: Readonly<Record<string, string>> = {
  Availability: 'AVAILABILITY',
  Driver: 'DRIVER',
  Group: 'GROUP',
  Labels: 'LABELS',
  Links: 'LINKS',
  Mountpoint: 'MOUNTPOINT',
  Name: 'VOLUME NAME',
  Scope: 'SCOPE',
  Size: 'SIZE',
  Status: 'STATUS',
}

export const volumeTable = 'table {{.Driver}}\\t{{.Name}}'

/** `--format raw`. */
export const volumeRaw = 'name: {{.Name}}\\ndriver: {{.Driver}}\\n'
