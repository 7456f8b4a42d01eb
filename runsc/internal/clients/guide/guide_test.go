package guide

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func execute(t *testing.T, document string) error {
	t.Helper()
	blocks, err := Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return Execute(ctx, blocks, Options{Dir: t.TempDir(), Env: os.Environ()})
}

// sh and text are documents of one block; a document cannot be a raw string.
func sh(lines ...string) string   { return "```sh\n" + strings.Join(lines, "\n") + "\n```\n" }
func text(lines ...string) string { return "```text\n" + strings.Join(lines, "\n") + "\n```\n" }

func TestGuideThatHolds(t *testing.T) {
	for name, document := range map[string]string{
		"variables and directory carry over": sh("mkdir d; cd d", "a=1") + "Then\n\n" + sh(`echo "$a $(basename "$PWD")"`) + text("1 d"),
		"any lines":                          sh("printf 'a\\nb\\nc\\nd\\n'") + text("a", "...", "d"),
		"any lines, none":                    sh("printf 'a\\nd\\n'") + text("...", "a", "...", "d", "..."),
		"any characters":                     sh("echo took $RANDOM ms") + text("took ... ms"),
		"blank lines between":                sh("echo a") + "\n\n" + text("a"),
		"stderr":                             sh("echo a >&2") + text("a"),
		"a daemon that keeps the output":     sh("sleep 3 & disown") + sh("echo a") + text("a"),
		"text after prose is not compared":   sh("echo a") + "Another thing:\n" + text("b"),
		"other languages are not executed":   "```json\nfalse\n```\n```\nfalse\n```\n" + sh("true"),
		"a block in a list":                  "- one\n\n  ```sh\n  cat <<END\n  x\n  END\n  ```\n\n  ```text\n  x\n  ```\n",
		"a command that reads":               sh("cat", "echo a") + text("a"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := execute(t, document); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBlocksOfMachines(t *testing.T) {
	blocks, err := Parse(sh("echo a") + text("a") + "```sh node\necho b\n```\n" + text("b"))
	if err != nil || len(blocks) != 2 || blocks[0].Where != "" || blocks[1].Where != "node" || blocks[1].Want[0] != "b" {
		t.Errorf("%+v, %v", blocks, err)
	}
	name := filepath.Join(t.TempDir(), "guide.md")
	if err := os.WriteFile(name, []byte("```sh\nfalse\n```\n```sh node\necho b\n```\n"+text("b")), 0o644); err != nil {
		t.Fatal(err)
	}
	Run(t, name, Options{Dir: t.TempDir(), Env: os.Environ(), Where: "node"})
}

func TestGuideThatDoesNot(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		says     []string
	}{
		"a block fails":             {"x\n" + sh("echo one", "false", "echo two") + sh("echo three"), []string{"line 3: the block failed at line 4", "exit status 1", "it printed\n\none\n"}},
		"in a pipe":                 {sh("false | cat"), []string{"failed at line 2"}},
		"in a function":             {sh("f() {", "  false", "}", "f"), []string{"failed at line 3"}},
		"an unset variable":         {sh("echo a", "echo $nothing"), []string{"line 3: nothing: unbound variable"}},
		"the shell cannot read it":  {sh("echo a") + sh("if true; then"), []string{"line 5", "syntax error"}},
		"the output differs":        {sh("echo a", "echo b") + text("a", "c"), []string{"line 2: the block", "line 6 says", `no line "c"`, "got\n\na\nb"}},
		"more is printed":           {sh("echo a", "echo b") + text("a"), []string{"printed something else"}},
		"less is printed":           {sh("echo a") + text("a", "b"), []string{`no line "b"`}},
		"the wrong order":           {sh("echo a; echo b") + text("...", "b", "...", "a", "..."), []string{`no line "a"`}},
		"the first difference wins": {sh("echo a") + text("b") + sh("false"), []string{"line 2: the block\n", "printed something else"}},
		"it ends too early":         {sh("exit 0") + sh("echo a"), []string{"line 5: the block was not executed"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := execute(t, c.document)
			if err == nil {
				t.Fatal("no error")
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("it does not say %q:\n%v", says, err)
				}
			}
		})
	}
}

func TestGuideThatHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	blocks, err := Parse(sh("echo a", "sleep 1000"))
	if err != nil {
		t.Fatal(err)
	}
	err = Execute(ctx, blocks, Options{Env: os.Environ()})
	if err == nil || !strings.Contains(err.Error(), "deadline exceeded") || !strings.Contains(err.Error(), "a\n") {
		t.Error(err)
	}
}

func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "g.md")
	if err := os.WriteFile(name, []byte("```sh\necho a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(name); err == nil || !strings.Contains(err.Error(), "g.md: line 1: the block has no end") {
		t.Error(err)
	}
}
