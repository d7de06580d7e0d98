//! The filing form: what was typed, kept as it was typed, and read into a course.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{commands::CourseRequest, model::TimeOfDay};
use crate::{
    kernel::Fen,
    web::{FieldError, SafeForm},
};

/// Most sessions that one filing may have.
const SESSIONS_MAX: usize = 400;

/// Single fields: form name, path in the filing, and how the text is read.
const FIELDS: [(&str, Kind); 18] = [
    ("name", Kind::Text),
    ("category", Kind::Word),
    ("subject", Kind::Text),
    ("stage", Kind::Word),
    ("grade", Kind::Number),
    ("delivery", Kind::Word),
    ("lesson_minutes", Kind::Number),
    ("break_minutes", Kind::Number),
    ("class_size", Kind::Number),
    ("area_m2", Kind::Area),
    ("lessons", Kind::Number),
    ("fee_fen", Kind::Yuan),
    ("benchmark_fen", Kind::YuanOrNone),
    ("first_payment_on", Kind::Date),
    ("materials_filed", Kind::YesNo),
    ("homework", Kind::YesNo),
    ("overseas_curriculum", Kind::YesNo),
    ("photo_search", Kind::YesNo),
];

/// Fields of one instructor, in the order of the form.
const PERSON: [(&str, Kind); 12] = [
    ("name", Kind::Text),
    ("role", Kind::Word),
    ("nationality", Kind::Text),
    ("located_in", Kind::Text),
    ("teacher_certificate", Kind::TextOrNone),
    ("certificate_subject", Kind::TextOrNone),
    ("certificate_stage", Kind::WordOrNone),
    ("skill_certificate", Kind::TextOrNone),
    ("published", Kind::YesNo),
    ("in_service_teacher", Kind::YesNo),
    ("banned", Kind::YesNo),
    ("inquiry_on", Kind::Date),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// Empty means: known to be none.
    TextOrNone,
    Word,
    WordOrNone,
    Number,
    Area,
    Yuan,
    /// Empty means unknown, as everywhere; [`NONE`] means: known to be none.
    YuanOrNone,
    Date,
    YesNo,
}

/// What is written where there is none, in either language.
const NONE: [&str; 2] = ["无", "none"];

/// One lesson as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SessionText {
    pub date: String,
    pub start: String,
    pub end: String,
}

/// A whole form as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CourseForm {
    pub fields: BTreeMap<String, String>,
    pub sessions: Vec<SessionText>,
    pub people: Vec<BTreeMap<String, String>>,
}

impl CourseForm {
    /// An empty form with the usual answers filled in.
    pub fn blank(category: &str) -> CourseForm {
        let usual = [
            ("category", category),
            ("delivery", "offline"),
            ("lesson_minutes", "45"),
            ("homework", "no"),
            ("overseas_curriculum", "no"),
            ("photo_search", "no"),
        ];
        CourseForm {
            fields: usual.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            sessions: vec![SessionText::default(); 3],
            people: vec![person()],
        }
    }

    /// What a browser posted; rows that are wholly empty are left out.
    pub fn from_post(form: &SafeForm) -> CourseForm {
        let fields = FIELDS.iter().map(|(name, _)| ((*name).to_owned(), form.get(name).to_owned())).collect();
        let (dates, starts, ends) = (form.all("date"), form.all("start"), form.all("end"));
        let text = |values: &[&str], at: usize| values.get(at).copied().unwrap_or_default().to_owned();
        let sessions = (0..dates.len().min(SESSIONS_MAX + 1))
            .map(|at| SessionText { date: text(&dates, at), start: text(&starts, at), end: text(&ends, at) })
            .filter(|row| *row != SessionText::default())
            .collect();
        let columns: Vec<(&str, Vec<&str>)> =
            PERSON.iter().map(|(name, _)| (*name, form.all(&format!("p_{name}")))).collect();
        let people = (0..columns.first().map_or(0, |(_, values)| values.len()))
            .map(|at| {
                columns.iter().map(|(name, values)| ((*name).to_owned(), text(values, at))).collect::<BTreeMap<_, _>>()
            })
            .filter(|person| {
                person.get("name").is_some_and(|name| !name.is_empty())
                    || person.get("teacher_certificate").is_some_and(|c| !c.is_empty())
            })
            .collect();
        CourseForm { fields, sessions, people }
    }

    /// The form of a stored draft; empty when it cannot be read.
    pub fn from_stored(value: &Value) -> CourseForm {
        serde_json::from_value(value.clone()).unwrap_or_default()
    }

    /// The form that would have given `request`, for courses that came by API.
    pub fn from_request(request: &CourseRequest) -> CourseForm {
        let course = json!(request.course);
        let typed = |kind: Kind, value: Option<&Value>| match (kind, value) {
            (Kind::Yuan | Kind::YuanOrNone, Some(Value::Number(fen))) => {
                Fen(fen.as_i64().unwrap_or_default()).to_string()
            }
            (Kind::YesNo, Some(Value::Bool(answer))) => if *answer { "yes" } else { "no" }.to_owned(),
            (Kind::YuanOrNone, Some(Value::Null)) => NONE[0].to_owned(),
            (_, Some(Value::String(text))) => text.clone(),
            (_, Some(Value::Number(number))) => number.to_string(),
            _ => String::new(),
        };
        CourseForm {
            fields: FIELDS.iter().map(|(name, kind)| ((*name).to_owned(), typed(*kind, course.get(name)))).collect(),
            sessions: request
                .course
                .sessions
                .iter()
                .map(|s| SessionText { date: s.date.to_string(), start: s.start.to_string(), end: s.end.to_string() })
                .collect(),
            people: request
                .instructors
                .list()
                .unwrap_or_default()
                .iter()
                .map(|person| {
                    let person = json!(person);
                    PERSON.iter().map(|(name, kind)| ((*name).to_owned(), typed(*kind, person.get(name)))).collect()
                })
                .collect(),
        }
    }

    /// A single field as typed.
    pub fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The course's name, or what a nameless draft is called.
    pub fn name(&self) -> &str {
        match self.get("name") {
            "" => "未命名课程",
            name => name,
        }
    }

    /// Rooms for more sessions and people, for the next showing of the form.
    pub fn with_room(mut self, sessions: usize, people: usize) -> CourseForm {
        self.sessions.extend(std::iter::repeat_n(SessionText::default(), sessions));
        self.people.extend(std::iter::repeat_with(person).take(people));
        self
    }

    /// Adds a lesson on each `weekday` (1 Monday to 7 Sunday) from one day to another, both included.
    pub fn repeat(&mut self, from: NaiveDate, to: NaiveDate, weekdays: &[u32], start: &str, end: &str) {
        let chosen = |day: Weekday| weekdays.contains(&day.number_from_monday());
        let days = from.iter_days().take_while(|day| *day <= to).filter(|day| chosen(day.weekday()));
        let room = SESSIONS_MAX.saturating_sub(self.sessions.len());
        self.sessions.extend(days.take(room).map(|day| SessionText {
            date: day.to_string(),
            start: start.to_owned(),
            end: end.to_owned(),
        }));
    }

    /// Reads the form; every text that cannot be read is named with its field and the mend.
    pub fn request(&self) -> Result<CourseRequest, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut course = Map::new();
        for (name, kind) in FIELDS {
            read(&mut course, &mut errors, name, &format!("course.{name}"), kind, self.get(name));
        }
        errors.extend(self.incomplete());
        course.insert("sessions".to_owned(), self.sessions_json(&mut errors));
        let mut people = Vec::new();
        for (at, person) in self.people.iter().enumerate() {
            let mut object = Map::new();
            for (name, kind) in PERSON {
                read(
                    &mut object,
                    &mut errors,
                    name,
                    &format!("instructors[{at}].{name}"),
                    kind,
                    person.get(name).map_or("", String::as_str),
                );
            }
            people.push(Value::Object(object));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let request = json!({"course": course, "instructors": people});
        serde_path_to_error::deserialize(request).map_err(|error| {
            let (path, reason) = (error.path().to_string(), error.inner().to_string());
            vec![FieldError::new(
                &path,
                "format",
                format!("这一项无法采用：{reason}"),
                format!("this cannot be taken: {reason}"),
            )]
        })
    }

    /// What no filing may lack, and the lessons that are too many for one.
    pub(super) fn incomplete(&self) -> Vec<FieldError> {
        let required = [
            ("name", "课程名称", "the name"),
            ("category", "类别", "the category"),
            ("stage", "学段", "the stage"),
            ("delivery", "形式", "the delivery"),
        ];
        let mut errors: Vec<FieldError> = required
            .into_iter()
            .filter(|(name, ..)| self.get(name).is_empty())
            .map(|(name, zh, en)| {
                FieldError::new(
                    &format!("course.{name}"),
                    "required",
                    format!("请填写{zh}。"),
                    format!("Give {en} of the course."),
                )
            })
            .collect();
        match self.typed_sessions().count() {
            0 => errors.push(FieldError::new(
                "course.sessions",
                "required",
                "请至少排一节课。",
                "Enter at least one lesson.",
            )),
            1..=SESSIONS_MAX => {}
            _ => errors.push(FieldError::new(
                "course.sessions",
                "too-many",
                format!("一次最多备案 {SESSIONS_MAX} 节课，请拆分。"),
                format!("At most {SESSIONS_MAX} lessons a filing; split it."),
            )),
        }
        errors
    }

    fn typed_sessions(&self) -> impl Iterator<Item = &SessionText> {
        self.sessions.iter().filter(|row| **row != SessionText::default())
    }

    fn sessions_json(&self, errors: &mut Vec<FieldError>) -> Value {
        let mut sessions = Vec::new();
        for (at, row) in self.typed_sessions().enumerate() {
            let mut object = Map::new();
            for (name, kind, text) in
                [("date", Kind::Date, &row.date), ("start", Kind::Text, &row.start), ("end", Kind::Text, &row.end)]
            {
                let path = format!("course.sessions[{at}].{name}");
                if text.is_empty() {
                    errors.push(FieldError::new(
                        &path,
                        "required",
                        "请填写完整：日期、上课、下课。",
                        "Give date, start and end.",
                    ));
                } else if name == "date" {
                    read(&mut object, errors, name, &path, kind, text);
                } else if let Some(time) = TimeOfDay::from_typed(text) {
                    read(&mut object, errors, name, &path, kind, &time.to_string());
                } else {
                    errors.push(FieldError::new(
                        &path,
                        "format",
                        format!("“{text}”不是时间，请写成 18:30。"),
                        format!("\"{text}\" is not a time; write 18:30."),
                    ));
                }
            }
            sessions.push(Value::Object(object));
        }
        Value::Array(sessions)
    }
}

fn person() -> BTreeMap<String, String> {
    [("role", "teaching"), ("nationality", "CN"), ("located_in", "CN")]
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Reads one text into `object`; an empty one stays absent, which means unknown, unless the kind says none.
fn read(object: &mut Map<String, Value>, errors: &mut Vec<FieldError>, name: &str, path: &str, kind: Kind, text: &str) {
    let none = matches!(kind, Kind::TextOrNone | Kind::WordOrNone);
    if kind == Kind::YuanOrNone && NONE.contains(&text) {
        object.insert(name.to_owned(), Value::Null);
        return;
    }
    if text.is_empty() {
        if none {
            object.insert(name.to_owned(), Value::Null);
        }
        return;
    }
    let value = match kind {
        Kind::Text | Kind::TextOrNone | Kind::Word | Kind::WordOrNone => Ok(json!(text)),
        Kind::Number => {
            text.parse::<u32>().map(|n| json!(n)).map_err(|_| ("须是整数，例如 45。", "is a whole number, e.g. 45."))
        }
        Kind::Area => text
            .parse::<serde_json::Number>()
            .map(Value::Number)
            .map_err(|_| ("须是面积，例如 48.5。", "is an area in m², e.g. 48.5.")),
        Kind::Yuan | Kind::YuanOrNone => {
            text.trim_start_matches('¥').replace([',', '，'], "").parse::<Fen>().map(|fen| json!(fen.0)).map_err(|_| {
                (
                    "须是金额（元），最多两位小数，例如 4800.00。",
                    "is an amount in yuan with at most two decimals, e.g. 4800.00.",
                )
            })
        }
        Kind::Date => text
            .parse::<NaiveDate>()
            .map(|_| json!(text))
            .map_err(|_| ("须是日期，例如 2026-03-20。", "is a date, e.g. 2026-03-20.")),
        Kind::YesNo => match text {
            "yes" => Ok(json!(true)),
            "no" => Ok(json!(false)),
            _ => Err(("请选择是或否。", "is yes or no.")),
        },
    };
    match value {
        Ok(value) => {
            object.insert(name.to_owned(), value);
        }
        Err((zh, en)) => {
            errors.push(FieldError::new(path, "format", format!("“{text}”{zh}"), format!("\"{text}\": {en}")))
        }
    }
}
