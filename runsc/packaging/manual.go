package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/directfs/runsc/pkg/cmdline"
)

// texts are the handwritten parts of manual pages: of each program, and of
// commands that have something to add. A line @options@ or @commands@ stands for
// what the program says of itself.
const texts = "runsc/packaging/man"

// manuals are the manual pages and the completion of all programs.
func (b *build) manuals(programs string) (tree, error) {
	names, err := children(programs)
	if err != nil {
		return nil, err
	}
	var t tree
	for _, program := range names {
		text, err := os.ReadFile(filepath.Join(b.root, texts, program+".md"))
		if err != nil {
			return nil, fmt.Errorf("program %s has no manual page: %w", program, err)
		}
		if !bytes.Contains(text, []byte("@options@")) && !bytes.Contains(text, []byte("@commands@")) {
			t = append(t, b.page(program, b.render(program, text)))
			continue
		}
		files, err := b.describedBy(filepath.Join(programs, program), text)
		if err != nil {
			return nil, err
		}
		t = append(t, files...)
	}
	return t, nil
}

// describedBy is what comes from the program's own description: a page for it
// and one for each command, and completion.
func (b *build) describedBy(file string, text []byte) (tree, error) {
	var p cmdline.Program
	out, err := output(file, "completion", "json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(out, &p); err != nil {
		return nil, fmt.Errorf("%s completion json: %w", file, err)
	}
	t := tree{b.page(p.Name, b.render(p.Name, text,
		"@options@", options(p.Flags), "@commands@", commands(p)))}
	for _, c := range p.Commands {
		page, err := b.command(p, c)
		if err != nil {
			return nil, err
		}
		t = append(t, page)
	}
	for shell, path := range map[string]string{
		"bash": "share/bash-completion/completions/" + p.Name,
		"zsh":  "share/zsh/vendor-completions/_" + p.Name,
		"fish": "share/fish/vendor_completions.d/" + p.Name + ".fish",
	} {
		out, err := output(file, "completion", shell)
		if err != nil {
			return nil, err
		}
		t = append(t, file1(path, out))
	}
	return t, nil
}

func file1(path string, data []byte) file { return file{path: path, mode: 0o644, data: data} }

// output runs a program in an environment that is the same everywhere.
func output(program string, args ...string) ([]byte, error) {
	c := exec.Command(program, args...)
	c.Env = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C", "TZ=UTC"}
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	return out, nil
}

func (b *build) page(name string, text []byte) file {
	return file1("share/man/man1/"+name+".1.gz", compress(text))
}

// command is the page of a command, with what is written by hand after what the
// command says of itself.
func (b *build) command(p cmdline.Program, c cmdline.Command) (file, error) {
	title := p.Name + "-" + c.Name
	own, err := os.ReadFile(filepath.Join(b.root, texts, title+".md"))
	if err != nil && !os.IsNotExist(err) {
		return file{}, err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "# NAME\n\n%s - @synopsis@\n\n# SYNOPSIS\n\n@usage@\n\n# DESCRIPTION\n\n@description@\n\n", title)
	if len(c.Flags) > 0 {
		text.WriteString("# OPTIONS\n\n@options@\n\n")
	}
	if len(c.Commands) > 0 {
		text.WriteString("# SUBCOMMANDS\n\n@subcommands@\n\n")
	}
	fmt.Fprintf(&text, "%s\n# SEE ALSO\n\n**%s**(1)\n", own, p.Name)
	return b.page(title, b.render(title, []byte(text.String()),
		"@synopsis@", roff(strings.TrimRight(c.Synopsis, ".")),
		"@usage@", `.B `+roff(p.Name)+"\n[\\fIglobal options\\fR]\n.B "+roff(c.Name)+"\n[\\fIoptions\\fR] [\\fIarguments\\fR]\n",
		"@description@", verbatim(c.Usage), "@options@", options(c.Flags), "@subcommands@", subcommands(p.Name+" "+c.Name, c.Commands))), nil
}

// render makes a page of markdown, with pairs of a line and its roff.
func (b *build) render(name string, text []byte, pairs ...string) []byte {
	title := fmt.Sprintf("%% %q 1 %q %q %q\n\n", strings.ToUpper(name), b.time.Format("2006-01-02"), b.described, "directfs runsc")
	page := string(md2man.Render(append([]byte(title), text...)))
	for i := 0; i < len(pairs); i += 2 {
		page = strings.ReplaceAll(page, pairs[i], strings.TrimSuffix(pairs[i+1], "\n"))
	}
	return []byte(tidy(page))
}

// doubled is a paragraph before a heading or a paragraph, which is nothing.
var doubled = regexp.MustCompile(`(?m)^\.PP\n(\.(PP|SH|SS|TP|nf|EX))`)

func tidy(page string) string {
	for doubled.MatchString(page) {
		page = doubled.ReplaceAllString(page, "$1")
	}
	return page
}

// commands lists commands by their groups.
func commands(p cmdline.Program) string {
	var b strings.Builder
	groups := map[string][]cmdline.Command{}
	var order []string
	for _, c := range p.Commands {
		groups[c.Group] = append(groups[c.Group], c)
		order = append(order, c.Group)
	}
	slices.Sort(order)
	for _, group := range slices.Compact(order) {
		if group != "" {
			fmt.Fprintf(&b, ".SS %s\n", roff(group))
		}
		for _, c := range groups[group] {
			fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", roff(p.Name+"-"+c.Name), roff(c.Synopsis))
		}
	}
	return b.String()
}

// subcommands describes each, with its options.
func subcommands(path string, all []cmdline.Command) string {
	var b strings.Builder
	for _, c := range all {
		text := verbatim(c.Usage)
		if c.Usage == "" {
			text = roff(c.Synopsis) + "\n"
		}
		fmt.Fprintf(&b, ".SS %s\n%s", roff(path+" "+c.Name), text)
		b.WriteString(options(c.Flags))
	}
	return b.String()
}

func options(flags []cmdline.Flag) string {
	var b strings.Builder
	for _, f := range flags {
		if f.ForTests() || f.Name == "h" {
			continue
		}
		fmt.Fprintf(&b, ".TP\n\\fB%s\\fR", roff("--"+f.Name))
		if !f.Switch {
			fmt.Fprintf(&b, "=\\fI%s\\fR", roff(f.Value))
		}
		usage := strings.ReplaceAll(strings.ReplaceAll(f.Usage, "\n    \t", "\n"), "\t", "    ")
		if f.Default != "" && !strings.Contains(usage, "default") {
			usage += " (default " + f.Default + ")"
		}
		fmt.Fprintf(&b, "\n%s\n", roff(usage))
	}
	return b.String()
}

func verbatim(text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\t", "        "))
	return ".nf\n" + roff(text) + "\n.fi\n"
}

// roff escapes text.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, " ")
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}
