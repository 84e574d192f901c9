// `gatewright completion`: what a shell offers after what was typed, from the command tree itself.
import type { Command } from 'commander';
import { CommandError, Exit, print } from './output.ts';

interface Entry {
  /** Words from the program down, joined by blanks; empty for the program. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  readonly options: readonly { readonly flag: string; readonly about: string }[];
}

function entriesOf(command: Command, path: readonly string[] = []): Entry[] {
  return [
    {
      path: path.join(' '),
      commands: command.commands.map((child) => ({ name: child.name(), about: child.description() })),
      options: command.options.map((option) => ({
        flag: option.long ?? option.short ?? '',
        about: option.description,
      })),
    },
    ...command.commands.flatMap((child) => entriesOf(child, [...path, child.name()])),
  ];
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function bash(entries: readonly Entry[]): string {
  const cases = entries.map(({ path, commands, options }) => {
    const words = [...commands.map(({ name }) => name), ...options.map(({ flag }) => flag)];
    return `    ${quoted(path)}) words=${quoted(words.join(' '))} ;;`;
  });
  return [
    '# Completion of gatewright for bash: source <(gatewright completion bash)',
    '_gatewright() {',
    '  local path="" word words at',
    '  for ((at = 1; at < COMP_CWORD; at++)); do',
    '    word="${COMP_WORDS[at]}"',
    '    case "$word" in -*) break ;; esac',
    '    case " $_gatewright_paths " in *" ${path:+${path// /.}.}$word "*) path="${path:+$path }$word" ;; *) break ;; esac',
    '  done',
    '  case "$path" in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '  if [ ${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")); fi',
    '}',
    `_gatewright_paths=${quoted(
      entries
        .map(({ path }) => path.replaceAll(' ', '.'))
        .filter((path) => path !== '')
        .join(' '),
    )}`,
    'complete -o filenames -F _gatewright gatewright',
  ].join('\n');
}

const fish = (entries: readonly Entry[]): string =>
  [
    '# Completion of gatewright for fish: gatewright completion fish | source',
    ...entries.flatMap(({ path, commands, options }) => {
      const words = path === '' ? [] : path.split(' ');
      const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`);
      const names = commands.map(({ name }) => name).join(' ');
      const here =
        path === ''
          ? '__fish_use_subcommand'
          : [...seen, ...(names === '' ? [] : [`not __fish_seen_subcommand_from ${names}`])].join('; and ');
      return [
        ...commands.map(
          ({ name, about }) => `complete -c gatewright -f -n ${quoted(here)} -a ${name} -d ${quoted(about)}`,
        ),
        ...options
          .filter(({ flag }) => flag.startsWith('--'))
          .map(
            ({ flag, about }) =>
              `complete -c gatewright -n ${quoted(here)} -l ${flag.slice(2)} -d ${quoted(about)}`,
          ),
      ];
    }),
  ].join('\n');

export function runCompletion(program: Command, shell: string): number {
  const entries = entriesOf(program);
  if (shell === 'bash') print(bash(entries));
  else if (shell === 'zsh')
    print(
      `# Completion of gatewright for zsh: source <(gatewright completion zsh)\nautoload -U +X bashcompinit && bashcompinit\n${bash(entries)}`,
    );
  else if (shell === 'fish') print(fish(entries));
  else throw new CommandError('there is completion for bash, zsh and fish', Exit.usage);
  return Exit.ok;
}
