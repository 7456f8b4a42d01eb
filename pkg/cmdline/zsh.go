package cmdline

import (
	"fmt"
	"strings"
)

// Zsh is the completion for zsh: a file for its function path, which can also be
// sourced.
func (p Program) Zsh() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n\n", p.Name)
	for _, at := range p.places() {
		at.zsh(&b, p.Name)
	}
	fmt.Fprintf(&b, `if [[ $funcstack[1] == _%[1]s ]]; then
    _%[1]s "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef _%[1]s %[1]s
fi
`, p.Name)
	return b.String()
}

// zsh writes the function for a place.
func (at place) zsh(b *strings.Builder, program string) {
	function := "_" + program + strings.ReplaceAll(at.path, " ", "__")
	fmt.Fprintf(b, "%s() {\n    local curcontext=$curcontext state state_descr line ret=1\n    local -A opt_args\n    local -a options=(\n", function)
	for _, f := range at.offered() {
		fmt.Fprintf(b, "        %s\n", quoteShell(f.zsh()))
	}
	b.WriteString("    )\n")
	switch {
	case len(at.commands) > 0:
		b.WriteString("    _arguments -C -A '-*' $options '1: :->command' '*:: :->arguments' && ret=0\n    case $state in\n    command)\n        local -a commands=(\n")
		for _, c := range at.commands {
			fmt.Fprintf(b, "            %s\n", quoteShell(strings.ReplaceAll(c.Name, ":", `\:`)+":"+c.Synopsis))
		}
		fmt.Fprintf(b, "        )\n        _describe -t commands command commands && ret=0 ;;\n    arguments)\n        (( $+functions[%[1]s__$words[1]] )) && %[1]s__$words[1] && ret=0 ;;\n    esac\n    return ret\n", function)
	case len(at.args) > 0:
		fmt.Fprintf(b, "    _arguments -A '-*' $options %s\n", quoteShell("1:argument:("+strings.Join(at.args, " ")+")"))
	default:
		b.WriteString("    _arguments -A '-*' $options '*:file:_files'\n")
	}
	b.WriteString("}\n\n")
}

// zsh is the option as _arguments has it.
func (f Flag) zsh() string {
	usage := strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(firstLine(f.Usage))
	switch {
	case f.Switch:
		return fmt.Sprintf("*--%s[%s]", f.Name, usage)
	case len(f.Values) > 0:
		return fmt.Sprintf("*--%s=[%s]:value:(%s)", f.Name, usage, strings.Join(f.Values, " "))
	case f.directory():
		return fmt.Sprintf("*--%s=[%s]:directory:_files -/", f.Name, usage)
	}
	return fmt.Sprintf("*--%s=[%s]:value:_files", f.Name, usage)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
