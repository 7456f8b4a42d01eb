package measure

import (
	"fmt"
	"io"
	"time"
)

// Progress tells on a writer how far a run is.
type Progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time

	began, told time.Time
	done, total int
}

// pause is the least time between two lines where they do not overwrite each
// other.
const pause = 10 * time.Second

// NewProgress begins now. On a terminal each line overwrites the one before.
func NewProgress(out io.Writer, terminal bool, now func() time.Time) *Progress {
	return &Progress{out: out, terminal: terminal, now: now, began: now()}
}

// Say prints a line that stays.
func (p *Progress) Say(text string) {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	fmt.Fprintln(p.out, text)
}

// begin starts counting the steps of a run.
func (p *Progress) begin(total int) { p.began, p.total, p.done = p.now(), total, 0 }

// step says that one more step begins; the text names it.
func (p *Progress) step(text string) {
	now := p.now()
	left := "?"
	if p.done > 0 {
		elapsed := now.Sub(p.began)
		left = (elapsed * time.Duration(p.total-p.done) / time.Duration(p.done)).Round(time.Second).String()
	}
	line := fmt.Sprintf("%4d of %d  %-40s  left: %s", p.done+1, p.total, text, left)
	p.done++
	switch {
	case p.terminal:
		fmt.Fprint(p.out, "\r\x1b[K"+line)
	case now.Sub(p.told) >= pause || p.done == p.total:
		p.told = now
		fmt.Fprintln(p.out, line)
	}
}
