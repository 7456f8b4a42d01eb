package cmdline

import (
	"fmt"
	"strings"
)

// Fish is the completion for fish: a function that finds the place on the
// command line, and a line for each command and option.
func (p Program) Fish() string {
	var paths, valued []string
	var lines strings.Builder
	for _, at := range p.places() {
		if at.path != "" {
			paths = append(paths, quoteFish(at.path))
		}
		for _, name := range at.valued() {
			valued = append(valued, quoteFish(at.path+" -"+name))
		}
		at.fish(&lines, p.Name)
	}
	return strings.NewReplacer("PROGRAM", p.Name, "PATHS", strings.Join(paths, " "), "VALUED", strings.Join(valued, " "), "LINES", lines.String()).Replace(fishText)
}

func (at place) fish(b *strings.Builder, program string) {
	condition := fmt.Sprintf("complete -c %[1]s -n %[2]s", program, quoteFish(fmt.Sprintf("__%s_at %s", program, quoteFish(at.path))))
	for _, c := range at.commands {
		fmt.Fprintf(b, "%s -f -a %s -d %s\n", condition, c.Name, quoteFish(c.Synopsis))
	}
	if len(at.args) > 0 {
		fmt.Fprintf(b, "%s -f -a %s\n", condition, quoteFish(strings.Join(at.args, " ")))
	}
	for _, f := range at.offered() {
		value := ""
		switch {
		case f.Switch:
		case len(f.Values) > 0:
			value = " -x -a " + quoteFish(strings.Join(f.Values, " "))
		case f.directory():
			value = " -x -a '(__fish_complete_directories)'"
		default:
			value = " -r"
		}
		fmt.Fprintf(b, "%s -l %s%s -d %s\n", condition, f.Name, value, quoteFish(firstLine(f.Usage)))
	}
}

func quoteFish(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `'`, `\'`) + "'"
}

const fishText = `# fish completion for PROGRAM

set -g __PROGRAM_paths PATHS
set -g __PROGRAM_valued VALUED

# Whether the commands on the command line, up to the word that is completed,
# are those in $argv, each with a space before it.
function __PROGRAM_at
    set -l path ''
    set -l value no
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test $value = yes
            set value no
        else if string match -q -- '-*' $word
            set -l name (string replace -r -- '^--?' '' $word)
            contains -- "$path -$name" $__PROGRAM_valued; and set value yes
        else if contains -- "$path $word" $__PROGRAM_paths
            set path "$path $word"
        else
            return 1
        end
    end
    test "$path" = "$argv"
end

LINES`
