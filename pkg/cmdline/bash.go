package cmdline

import (
	"fmt"
	"strings"
)

// place is where on a command line a word is: after a command, or before any.
type place struct {
	path     string // the commands, each with a space before it
	about    string // what is described there
	flags    []Flag
	commands []Command
	args     []string
}

// places are all of a program's, each before those that are below it.
func (p Program) places() []place {
	all := []place{{"", p.Name, p.Flags, p.Commands, nil}}
	var below func(path string, commands []Command)
	below = func(path string, commands []Command) {
		for _, c := range commands {
			at := path + " " + c.Name
			all = append(all, place{at, c.Synopsis, c.Flags, c.Commands, c.Args})
			below(at, c.Commands)
		}
	}
	below("", p.Commands)
	return all
}

// offered are the options that completion has. The command line adds --help to
// every command, and may have done so already.
func (at place) offered() []Flag {
	var all []Flag
	for _, f := range at.flags {
		if f.Offered() && f.Name != "help" {
			all = append(all, f)
		}
	}
	return append(all, Flag{Name: "help", Switch: true, Usage: "describe the command"})
}

func (at place) options() []string {
	var all []string
	for _, f := range at.offered() {
		switch {
		case f.Switch:
			all = append(all, "--"+f.Name)
		case len(f.Values) == 0:
			all = append(all, "--"+f.Name+"=")
		}
		for _, v := range f.Values {
			all = append(all, "--"+f.Name+"="+v)
		}
	}
	return all
}

// valued are the names of options whose value may be the next word.
func (at place) valued() []string {
	var all []string
	for _, f := range at.flags {
		if !f.Switch {
			all = append(all, f.Name)
		}
	}
	return all
}

func (at place) directories() []string {
	var all []string
	for _, f := range at.offered() {
		if !f.Switch && f.directory() {
			all = append(all, f.Name)
		}
	}
	return all
}

// Bash is the completion for bash. It works without the bash-completion package.
func (p Program) Bash() string {
	var cases strings.Builder
	for _, at := range p.places() {
		fmt.Fprintf(&cases, "        %s)\n            commands=%s args=%s\n            valued=%s\n            dirs=%s\n            options=%s ;;\n",
			quoteShell(at.path), quoteShell(strings.Join(names(at.commands), " ")), quoteShell(strings.Join(at.args, " ")),
			quoteShell(strings.Join(at.valued(), " ")), quoteShell(strings.Join(at.directories(), " ")), quoteShell(strings.Join(at.options(), " ")))
	}
	return strings.NewReplacer("PROGRAM", p.Name, "CASES", cases.String()).Replace(bashText)
}

func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

const bashText = `# bash completion for PROGRAM

# What there is after the commands in $1; in variables of the caller.
_PROGRAM_at() {
    case $1 in
CASES    esac
}

_PROGRAM() {
    local line=${COMP_LINE:0:COMP_POINT} path="" i word name words="" value="" dir=""
    local commands args valued dirs options
    # Bash takes = for a word of its own.
    local cur=${COMP_WORDS[COMP_CWORD]} last=${line##* }
    COMPREPLY=()
    _PROGRAM_at ""
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == -* ]]; then
            name=${word#-}
            name=${name#-}
            if [[ ${COMP_WORDS[i + 1]} == "=" ]]; then
                ((i += 2))
            elif [[ " $valued " == *" $name "* ]]; then
                ((i += 1))
                ((i == COMP_CWORD)) && value=$name
            fi
        elif [[ " $commands " == *" $word "* ]]; then
            path+=" $word"
            _PROGRAM_at "$path"
        else
            return 0
        fi
    done
    if [[ -n $value ]]; then
        # The value of an option, as a word of its own.
        for word in $options; do
            [[ $word == --$value=?* ]] && words+=" ${word#*=}"
        done
        [[ " $dirs " == *" $value "* ]] && dir=$last
    elif [[ $last == -*=* ]]; then
        name=${last%%=*}
        name=${name#-}
        name=${name#-}
        value=${last#*=}
        for word in $options; do
            [[ $word == --$name=?* ]] && words+=" ${word#*=}"
        done
        if [[ -z $words ]]; then
            local kind=-f
            [[ " $dirs " == *" $name "* ]] && kind=-d
            compopt -o filenames 2>/dev/null
            COMPREPLY=($(compgen $kind -- "$value"))
        else
            COMPREPLY=($(compgen -W "$words" -- "$value"))
        fi
        # Without a break at =, bash replaces the whole word.
        [[ $cur == "$last" ]] && COMPREPLY=("${COMPREPLY[@]/#/${last%%=*}=}")
        return 0
    elif [[ $last == -* ]]; then
        words=$options
        # One dash is as good as two.
        [[ $last == -[!-]* ]] && words=${words//--/-}
    else
        words="$commands $args"
    fi
    if [[ -n $dir ]]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -d -- "$dir"))
        return 0
    fi
    COMPREPLY=($(compgen -W "$words" -- "$last"))
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o default -F _PROGRAM PROGRAM
`
