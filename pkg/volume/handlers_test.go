package volume

import "testing"

func TestEveryMessageHasAHandler(t *testing.T) {
	for _, row := range messageTable {
		for _, m := range row.messages {
			if int(m) >= len(handlers) || handlers[m] == nil {
				t.Errorf("message %d has none", m)
			}
		}
	}
}
