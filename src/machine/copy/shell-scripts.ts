import type { Found, ListedFile, Listing } from './copy-end.ts'

/**
 * Pure: what is run in a machine's shell to copy files, with nothing but what every Linux has (sh, cat, stat, tar), and
 * how to read what it prints. Paths are arguments, never part of a script.
 */

/** Prints kind, mode, size and time, then path and real path, each ended by NUL, for everything that `$1` stands for. */
export const lookScript = `
p=$1
case $p in '') p=.;; '~') p=$HOME;; '~/'*) p=$HOME/\${p#'~/'};; -*) p=./$p;; esac
show() {
  if [ -d "$1" ]; then k=folder; elif [ -f "$1" ]; then k=file; elif [ -e "$1" ]; then k=other; else k=none; fi
  w='0 0 0'
  [ $k = none ] || w=$(stat -L -c '%a %s %Y' "$1") || exit
  case $1 in */) b=\${1%/};; *) b=$1;; esac
  r=$(readlink -f "\${b:-/}" 2>/dev/null) || r=$1
  printf '%s %s\\0%s\\0%s\\0' "$k" "$w" "$1" "$r"
}
if [ "$2" != patterns ] || [ -e "$p" ] || [ -L "$p" ]; then show "$p"; exit; fi
IFS=
set -- $p
unset IFS
for q; do show "$q"; done
`

export function parseFound(text: string): readonly Found[] {
  const parts = text.split('\0')
  const found: Found[] = []
  for (let at = 0; at + 2 < parts.length; at += 3) {
    const [kind = '', mode = '0', size = '0', time = '0'] = (parts[at] ?? '').split(' ')
    found.push({
      path: parts[at + 1] ?? '',
      realPath: parts[at + 2] ?? '',
      kind: kind === 'file' || kind === 'folder' || kind === 'other' ? kind : 'none',
      mode: Number.parseInt(mode, 8) & 0o777,
      sizeBytes: Number(size),
      modifiedS: Number(time),
    })
  }
  return found
}

export const sendFileScript = 'exec cat < "$1"'

/** Ends well when a file changed while it was read, which GNU tar tells by an exit code of 1. */
const forgiveChanges = 'c=$?; [ $c = 1 ] && tar --version 2>/dev/null | grep -q GNU && c=0; exit $c'

export const sendFolderScript: string = `cd "$1" || exit; tar -cf - .; ${forgiveChanges}`

/**
 * The names come over standard input, one a line. A tar that reads no lists gets them as arguments, or sends everything where
 * that would be too many.
 */
export const sendSomeScript: string = `
cd "$1" || exit
if tar --help 2>&1 | grep -q files-from; then
  tar -cf - -T -
else
  shift
  while IFS= read -r name && [ $# -lt 4000 ]; do set -- "$@" "$name"; done
  [ $# -lt 4000 ] || set -- .
  tar -cf - "$@"
fi
${forgiveChanges}`

/** `$2` is the mode of a file that is new, `$3` its time or nothing. */
export const receiveFileScript = `
if [ -e "$1" ]; then cat > "$1" || exit; else cat > "$1" && chmod "$2" "$1" || exit; fi
[ -z "$3" ] || touch -d "@$3" "$1"
`

/** `$2` is the mode of a folder that is new, `$3` is -p where those above it are made too. */
export const receiveFolderScript = `
[ -d "$1" ] || { mkdir $3 "$1" && chmod "$2" "$1"; } || exit
cd "$1" && exec tar -xof -
`

/** What `listScript` ends with where there is no find. */
export const cannotList = 4

export const listScript: string = `
command -v find > /dev/null && command -v stat > /dev/null || exit ${cannotList}
cd "$1" && find . '(' -type f -o -type d -o -type l ')' -exec stat -c '%f %s %Y %n' '{}' +
`

const kinds: Readonly<Record<number, ListedFile['kind']>> = { 0x8000: 'file', 0x4000: 'folder', 0xa000: 'link' }

/** @returns undefined when a name is in it that a list of lines cannot hold, or that tar would read in its own way */
export function parseListing(text: string): Listing | undefined {
  const listing = new Map<string, ListedFile>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const match = /^([0-9a-f]+) (\d+) (-?\d+) \.(?:\/(.+))?$/.exec(line)
    if (match === null || line.includes('\\')) return undefined
    const [, hex = '0', size, time, name] = match
    const mode = Number.parseInt(hex, 16)
    const kind = kinds[mode & 0xf000]
    if (name === undefined || kind === undefined) continue
    listing.set(name, { kind, mode: mode & 0o777, sizeBytes: Number(size), modifiedS: Number(time) })
  }
  return listing
}
