//! Values without I/O that every feature speaks in: money, codes, days, findings.
//!
//! Nothing here knows of the database, HTTP or the time of day; nothing here uses another module of ours.

pub mod calendar;
pub mod citizen_id;
pub mod clock;
pub mod credit_code;
pub mod department;
pub mod fault;
pub mod finding;
pub mod mask;
pub mod money;
pub mod nonprofit;
pub mod private;
pub mod region;
pub mod training;
pub mod workbook;

pub use calendar::{Calendar, DayType};
pub use citizen_id::CitizenId;
pub use clock::Clock;
pub use credit_code::CreditCode;
pub use department::Department;
pub use fault::{Fault, Invariant};
pub use finding::{Finding, Severity};
pub use money::Fen;
pub use private::Private;
pub use region::RegionCode;
