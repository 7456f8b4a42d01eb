package policycmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/subcommands"
	"gvisor.dev/gvisor/runsc/flag"
)

// completion is "policy completion".
type completion struct{}

var shells = []string{"bash", "zsh", "fish"}

// Name implements subcommands.Command.Name.
func (*completion) Name() string { return "completion" }

// Synopsis implements subcommands.Command.Synopsis.
func (*completion) Synopsis() string {
	return "print shell completion for this command: bash, zsh or fish"
}

// Usage implements subcommands.Command.Usage.
func (*completion) Usage() string {
	return `policy completion bash|zsh|fish - print shell completion for this command.

  source <(runsc policy completion bash)
  source <(runsc policy completion zsh)
  runsc policy completion fish | source
`
}

// SetFlags implements subcommands.Command.SetFlags.
func (*completion) SetFlags(*flag.FlagSet) {}

// Execute implements subcommands.Command.Execute.
func (c *completion) Execute(_ context.Context, f *flag.FlagSet, _ ...any) subcommands.ExitStatus {
	if f.NArg() != 1 || !slices.Contains(shells, f.Arg(0)) {
		return fail(c.Name(), usagef("%q: want one shell; allowed: %s", strings.Join(f.Args(), " "), strings.Join(shells, ", ")))
	}
	switch f.Arg(0) {
	case "fish":
		fmt.Print(fishCompletion())
	case "zsh":
		// zsh runs bash's completions.
		fmt.Print("autoload -Uz compinit bashcompinit\n(( $+functions[compdef] )) || compinit\nbashcompinit\n" + bashCompletion())
	default:
		fmt.Print(bashCompletion())
	}
	return exitOK
}

// words are the options, and for completion the arguments, of a subcommand.
func words(c subcommands.Command) []string {
	if c.Name() == "completion" {
		return append(slices.Clone(shells), "--help")
	}
	var all []string
	for _, fl := range flags(c) {
		if isSwitch(fl) {
			all = append(all, "--"+fl.Name)
		} else if values := formats(fl); len(values) > 0 {
			for _, v := range values {
				all = append(all, "--"+fl.Name+"="+v)
			}
		} else {
			all = append(all, "--"+fl.Name+"=")
		}
	}
	return append(all, "--help")
}

func flags(c subcommands.Command) []*flag.Flag {
	f := flag.NewFlagSet(c.Name(), flag.ContinueOnError)
	c.SetFlags(f)
	var all []*flag.Flag
	f.VisitAll(func(fl *flag.Flag) { all = append(all, fl) })
	return all
}

func isSwitch(fl *flag.Flag) bool {
	b, ok := fl.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// formats reads the values of --format from its description.
func formats(fl *flag.Flag) []string {
	_, list, ok := strings.Cut(fl.Usage, "`FORMAT`: ")
	if !ok {
		return nil
	}
	return strings.Split(strings.ReplaceAll(list, " or ", ", "), ", ")
}

// bashCompletion completes what follows "policy", after whatever global
// options, and leaves everything else to file names.
func bashCompletion() string {
	var b strings.Builder
	fmt.Fprintf(&b, `_runsc_policy() {
    local cur=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT} i at=-1 words=""
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == policy ]] && { at=$i; break; }
    done
    ((at < 0)) && return
    # Bash takes = for a word of its own.
    local last=${line##* }
    if ((COMP_CWORD == at + 1)); then
        words="%s"
    else
        case ${COMP_WORDS[at + 1]} in
`, strings.Join(subcommandNames(), " "))
	for _, c := range subcommandList() {
		fmt.Fprintf(&b, "            %s) words=\"%s\" ;;\n", c.Name(), strings.Join(words(c), " "))
	}
	b.WriteString(`        esac
    fi
    if [[ $last == --bundle=* || $last == --pod-bundle=* ]]; then
        COMPREPLY=($(compgen -d -- "${last#*=}"))
        return
    fi
    COMPREPLY=($(compgen -W "$words" -- "$last"))
    [[ $last == *=* && $cur != "$last" ]] && COMPREPLY=("${COMPREPLY[@]#*=}")
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o default -F _runsc_policy runsc
`)
	return b.String()
}

// fishCompletion has a line for each subcommand and option.
func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# Completion of runsc policy for fish.\n")
	any := "__fish_seen_subcommand_from policy; and not __fish_seen_subcommand_from " + strings.Join(subcommandNames(), " ")
	for _, c := range subcommandList() {
		fmt.Fprintf(&b, "complete -c runsc -n '%s' -f -a %s -d '%s'\n", any, c.Name(), quoteFish(c.Synopsis()))
	}
	for _, c := range subcommandList() {
		seen := "__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from " + c.Name()
		if c.Name() == "completion" {
			fmt.Fprintf(&b, "complete -c runsc -n '%s' -f -a '%s'\n", seen, strings.Join(shells, " "))
		}
		for _, fl := range flags(c) {
			_, usage := unquote(fl)
			fmt.Fprintf(&b, "complete -c runsc -n '%s' -l %s%s -d '%s'\n", seen, fl.Name, fishValue(fl), quoteFish(usage))
		}
	}
	return b.String()
}

func fishValue(fl *flag.Flag) string {
	switch values := formats(fl); {
	case isSwitch(fl):
		return ""
	case len(values) > 0:
		return " -x -a '" + strings.Join(values, " ") + "'"
	case strings.HasSuffix(fl.Name, "bundle"):
		return " -x -a '(__fish_complete_directories)'"
	}
	return " -x"
}

func quoteFish(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `'`, `\'`)
}
