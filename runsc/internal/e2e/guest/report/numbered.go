package report

import (
	"bytes"
	"fmt"
)

// NumberedName is where the guest's command acknowledge writes a content, and
// temporary what it renames to that name, or "". Some names have one content,
// others are written again and again.
func NumberedName(number int) (name, temporary string) {
	switch again := number / 3 % 4; number % 3 {
	case 0:
		return fmt.Sprintf("new-%d", number), ""
	case 1:
		return fmt.Sprintf("again-%d", again), ""
	default: // as editors do
		name = fmt.Sprintf("moved-%d", again)
		return name, name + ".tmp"
	}
}

// NumberedContent says of itself which it is, and whether it is complete.
func NumberedContent(number int) []byte {
	size := []int{10, 5000, 300_000, 70_000}[number%4] + number%97
	return fmt.Appendf(nil, "%08d:%s.", number, bytes.Repeat([]byte{byte('a' + number%26)}, size))
}
