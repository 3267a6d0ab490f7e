package handoff

import "slices"

func sourceBreaches() []breach {
	return []breach{
		{
			name: "the source goes on when it hears no more after the hand-over",
			rule: errNoProof, harm: errBothRun,
			with: afterSource(func(before Source, s *Source, e Event, did []SourceAction) []SourceAction {
				if before.state != SourceHandedOver || e != LinkLost {
					return did
				}
				return s.keep()
			}),
		},
		{
			name: "the source commits before it has written that it hands over",
			rule: errUnwritten, harm: errBothRun,
			with: afterSource(func(before Source, s *Source, e Event, did []SourceAction) []SourceAction {
				if before.state == SourceSent && e == GotPrepared {
					did = append(did, SourceAction{Do: SendCommit})
				}
				return did
			}),
		},
		{
			name: "the source goes on though the hand-over may be written",
			rule: errStale, harm: errStale,
			with: afterSource(func(before Source, s *Source, e Event, did []SourceAction) []SourceAction {
				if before.state != SourceHandingOver || before.restored || e != WriteUnclear {
					return did
				}
				s.writing = 0
				return s.keep()
			}),
		},
		{
			name: "the source throws its machine away as it commits",
			rule: errLost, harm: errLost,
			with: afterSource(func(before Source, s *Source, e Event, did []SourceAction) []SourceAction {
				for _, a := range did {
					if a.Do == SendCommit {
						return append(did, s.end()...)
					}
				}
				return did
			}),
		},
		{
			name: "the source does not ask again",
			rule: errNoWayOut, harm: errNoWayOut,
			with: afterSource(func(before Source, s *Source, e Event, did []SourceAction) []SourceAction {
				return slices.DeleteFunc(did, func(a SourceAction) bool { return a.Do == Reconnect })
			}),
		},
		{
			name: "the source takes a target that knows nothing for one that never ran",
			rule: errNoProof, harm: errStale, perish: true,
			with: afterSource(func(before Source, s *Source, e Event, did []SourceAction) []SourceAction {
				if before.state == SourceHandedOver && e == GotAnswerUnknown {
					return s.takeBack()
				}
				return did
			}),
		},
		{
			name: "the source says yes to a cancel, and hands over",
			rule: errCancel, harm: errCancel,
			with: afterSource(func(before Source, s *Source, e Event, did []SourceAction) []SourceAction {
				if before.state == SourceHandingOver && e == Cancelled {
					return append(did, s.answerCancel(CancelWon)...)
				}
				return did
			}),
		},
		{
			name: "a source believes what it finds written",
			rule: errUnwritten, harm: errBothRun,
			with: func(s *sides) {
				s.restoreSource = func(r SourceRecord) (*Source, []SourceAction, error) {
					s, did, err := RestoreSource(r)
					if err == nil && r.Fate == HandedOver {
						s.state, s.writing = SourceHandedOver, 0
						return s, []SourceAction{{Do: Reconnect}}, nil
					}
					return s, did, err
				}
			},
		},
		{
			name: "a source's instance is started whatever is written",
			rule: errNoProof, harm: errBothRun,
			with: func(s *sides) {
				s.restoreSource = func(r SourceRecord) (*Source, []SourceAction, error) {
					s, _, err := RestoreSource(r)
					s.state, s.writing = SourceKept, 0
					return s, nil, err
				}
			},
		},
	}
}
