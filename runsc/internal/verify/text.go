package verify

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/directfs/runsc/runsc/internal/plain"
	"golang.org/x/sys/unix"
)

// maxWidth is how many columns the text has at most, minWidth how many a
// terminal is taken to have at least.
const (
	maxWidth = 100
	minWidth = 40
)

// widthOf is the number of columns for text to the file: no more than a
// terminal has.
func widthOf(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return maxWidth
	}
	return max(minWidth, min(maxWidth, int(size.Col)))
}

// labels are the words before the rows, in one column.
var labels = map[Verdict]string{OK: "ok", Differs: "DIFFERS", Unverified: "UNSEEN", Note: "note", Other: "other"}

// margin is where items start, and values is where their values start.
const (
	margin = 11
	values = margin + 11
)

// Text writes the report for people: a line for each row that is as planned,
// and what was planned, what is and why it is not known for each that is not.
// With verbose, everything of every row. No line has more columns than width.
func (r *Report) Text(out io.Writer, width int, verbose bool) error {
	w := &wrapper{Writer: bufio.NewWriter(out), width: width}
	w.wrap(0, 2, "state in "+r.Root)
	subject := ""
	for _, row := range r.Rows {
		if row.Subject != subject {
			subject = row.Subject
			fmt.Fprintln(w)
			w.wrap(0, 2, subject)
		}
		r.row(w, row, verbose)
	}
	fmt.Fprintln(w)
	w.wrap(0, 2, "verdict: "+string(r.Verdict)+r.notes())
	return w.Flush()
}

func (r *Report) row(w *wrapper, row Row, verbose bool) {
	start := fmt.Sprintf("  %-*s", margin-2, labels[row.Verdict])
	if !verbose && (row.Verdict == OK || row.Verdict == Other) {
		w.line(start + row.Item + ": " + row.Actual)
		return
	}
	w.wrap(0, margin+2, start+row.Item)
	for _, v := range []struct{ name, value string }{{"planned", row.Planned}, {"actual", row.Actual}, {"why", row.Detail}} {
		if v.value != "" {
			w.wrap(margin, values, fmt.Sprintf("%-*s%s", values-margin, "  "+v.name, v.value))
		}
	}
}

// notes says how much is not known.
func (r *Report) notes() string {
	n := 0
	for _, row := range r.Rows {
		if row.Verdict == Note {
			n++
		}
	}
	switch {
	case n == 0 || r.Strict:
		return ""
	case n == 1:
		return ", with 1 note (--strict makes it a failure)"
	}
	return fmt.Sprintf(", with %d notes (--strict makes them a failure)", n)
}

// wrapper writes lines of at most width columns. The first error of the writer
// is kept for Flush.
type wrapper struct {
	*bufio.Writer
	width int
}

// line writes a line and leaves out its end if it is too long.
func (w *wrapper) line(text string) {
	text = plain.Text(text)
	if utf8.RuneCountInString(text) > w.width {
		text = string([]rune(text)[:w.width-3])
		text = strings.TrimRight(text, " ") + "..."
	}
	fmt.Fprintln(w, text)
}

// wrap writes the text in lines that start at the column, all but the first one
// at hang. It breaks lines at spaces, and words that are too long for a line
// anywhere.
func (w *wrapper) wrap(column, hang int, text string) {
	rest := []rune(strings.Repeat(" ", column) + plain.Text(text))
	from := column // before it, no line is broken
	for len(rest) > w.width {
		at := w.width
		for i := w.width; i > from; i-- {
			if rest[i] == ' ' && strings.TrimSpace(string(rest[from:i])) != "" {
				at = i
				break
			}
		}
		fmt.Fprintln(w, strings.TrimRight(string(rest[:at]), " "))
		rest = []rune(strings.Repeat(" ", hang) + strings.TrimLeft(string(rest[at:]), " "))
		from = hang
	}
	fmt.Fprintln(w, strings.TrimRight(string(rest), " "))
}
