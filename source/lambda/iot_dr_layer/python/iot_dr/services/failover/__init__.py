"""Has a Region take the lead, tells what may be lost by it, and follows the devices there."""
