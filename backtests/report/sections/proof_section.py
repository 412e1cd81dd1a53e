"""Section on the look-ahead proof: every check and what it found; and the stamp that it earns on page one."""

from backtests.report.content import Part, Section, Stamp, Table
from backtests.report.formats import count
from backtests.report.run_provenance import ProofReport

__all__ = ["proof_section", "proof_stamp"]


def proof_section(proof: ProofReport | None) -> Section:
    """Table of checks, or how to run them."""
    parts = () if proof is None else (Part(tables=(_checks_table(proof),)),)
    return Section(slug="proof", title="Look-ahead proof", lead=_lead(proof), parts=parts)


def proof_stamp(proof: ProofReport | None) -> Stamp:
    """UNPROVEN, PROOF FAILED or PROVEN."""
    if proof is None:
        sentence = "No look-ahead proof has been run on this pipeline: `quintile prove RUN` runs one."
        return Stamp(label="UNPROVEN", severity="caution", sentence=sentence)
    if proof.verdict == "FAIL":
        return Stamp(label="PROOF FAILED", severity="alarm", sentence=f"{proof.offence or 'No check passed'}.")
    sentence = (
        f"{count(proof.tally('PASS'))} look-ahead checks passed: no leak was found in the sampled sessions, which is "
        "no guarantee for the others."
    )
    return Stamp(label="PROVEN", severity="note", sentence=sentence)


def _lead(proof: ProofReport | None) -> str:
    if proof is None:
        return "UNPROVEN: no look-ahead checks have been run on this pipeline."
    word = "PROVEN" if proof.verdict == "PASS" else "FAILED"
    tally = ", ".join(f"{count(proof.tally(status))} {status}" for status in ("PASS", "FAIL", "WARN", "NOT RUN"))
    kind = "every check, the slow ones too" if proof.is_deep else "every check but the slow ones"
    return f"{word}: {tally}; {kind}, in {count(proof.seconds)} seconds."


def _checks_table(proof: ProofReport) -> Table:
    return Table(
        caption="The pipeline on bars with an altered future",
        columns=("Check", "Status", "What was compared, or the first offence"),
        rows=proof.checks,
        note="The same pipeline on bars cut, replaced by noise, shuffled or restated after sampled sessions. Whatever "
        "was known at a sampled close must stay as it is, bit for bit; scores to one part in a million. WARN is a "
        "caution that code cannot resolve; NOT RUN says what is missing.",
        wordy=True,
    )
